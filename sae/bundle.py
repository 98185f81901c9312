"""Everything that turns text into latents, found by one name: reader, SAE and catalogue."""

from dataclasses import dataclass
from pathlib import Path

from glassdex.errors import SAEError
from glassdex.sae.catalogue import Catalogue, read_catalogue
from glassdex.sae.checkpoint import DEFAULT_READER
from glassdex.sae.encoded_bank import EncodedBank, read_bank
from glassdex.sae.encoder import TextEncoder
from glassdex.sae.folder import load as load_sae
from glassdex.sae.reader import Reader

BUNDLED = "bundled"
"""Name of the SAE that ships with glassdex."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An encoder, what is known of its latents, and the property bank in its vectors (None where
    it has not been read with this SAE)."""

    name: str
    encoder: TextEncoder
    catalogue: Catalogue
    bank: EncodedBank | None = None


def folder_of(sae: str) -> Path:
    """The folder that an SAE's name means: the bundled one, or a path."""
    return Path(__file__).parent / "bundled" if sae == BUNDLED else Path(sae)


def load_encoder(folder: Path) -> TextEncoder:
    """Load an SAE and the reader that its config names.

    Raises SAEError or ModelError when either is missing, malformed, or not made for the other:
    a reader whose weights have changed since is refused.
    """
    sae = load_sae(folder)
    described = sae.config.reader
    layer = described.get("layer")
    if not isinstance(layer, int):
        raise SAEError(
            f"{folder / 'config.json'} says that the SAE reads layer {layer!r}; wanted a number: "
            "write into its `reader` which layer of which reader it was trained on"
        )
    reader = Reader.load(
        described.get("reader", DEFAULT_READER),
        layer=layer,
        revision=described.get("reader_revision"),
        sha256=described.get("reader_sha256"),
    )
    return TextEncoder(reader, sae)


def load_bundle(sae: str = BUNDLED) -> Bundle:
    """Load the SAE of that name with its reader and catalogue; errors as `load_encoder`."""
    folder = folder_of(sae)
    encoder = load_encoder(folder)
    name = sae if sae == BUNDLED else str(folder.resolve())
    catalogue = read_catalogue(folder, encoder.sae.config.d_sae)
    return Bundle(name, encoder, catalogue, read_bank(folder, encoder))
