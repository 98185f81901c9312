"""`latents.parquet`: what is known of each latent, one row each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from glassdex.errors import SAEError
from glassdex.sae.files import replace

FILE = "latents.parquet"

_LABEL = pa.struct(
    [("text", pa.string()), ("source", pa.string()), ("score", pa.float32()), ("date", pa.string())]
)
_COLUMNS = {
    "latent": "int32",
    "density": "float",
    "maximum": "float",
    "p90": "float",
    "labels": "list<",
    "vector": "fixed_size_list<",
}
"""How each column's type must begin, in Arrow's words."""


@dataclass(frozen=True, slots=True)
class Label:
    """A short text naming a latent. `score` is the balanced accuracy of the label as a test of
    activation, 0.5 being chance; its protocol belongs to `source`. `date` is ISO 8601."""

    text: str
    source: str
    score: float
    date: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Statistics and labels of all latents, measured on the documents the SAE was described with.

    density: (d_sae,) float32, share of documents in which the latent is active.
    maximum: (d_sae,) float32, largest activation.
    p90: (d_sae,) float32, 90th percentile of a document's activation where it is active; 0 for
        a latent that never was.
    labels: best first; empty for a latent that never was active.
    vectors: (d_sae, width) float32, unit length: the meaning of the latent in the reader's dense
        space; zero for a latent that never was active.
    """

    density: NDArray[np.float32]
    maximum: NDArray[np.float32]
    p90: NDArray[np.float32]
    labels: Sequence[tuple[Label, ...]]
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.density)

    @property
    def scale(self) -> NDArray[np.float32]:
        """(d_sae,) what activations are divided by: the 90th percentile, 1 where there is none."""
        return np.where(self.p90 > 0, self.p90, np.float32(1))

    def name(self, latent: int) -> str:
        """The best label's text, or the bare number."""
        labels = self.labels[latent]
        return labels[0].text if labels else f"latent {latent}"


def write_catalogue(folder: Path, catalogue: Catalogue) -> None:
    """Write `latents.parquet`; vectors are kept in half precision."""
    width = catalogue.vectors.shape[1]
    flat = pa.array(catalogue.vectors.astype(np.float16).reshape(-1))
    labels = [[_as_row(label) for label in several] for several in catalogue.labels]
    table = pa.table(
        {
            "latent": pa.array(np.arange(len(catalogue), dtype=np.int32)),
            "density": pa.array(catalogue.density),
            "maximum": pa.array(catalogue.maximum),
            "p90": pa.array(catalogue.p90),
            "labels": pa.array(labels, type=pa.list_(_LABEL)),
            "vector": pa.FixedSizeListArray.from_arrays(flat, width),
        }
    )
    temporary = folder / f"{FILE}.tmp"
    pq.write_table(table, temporary, compression="zstd")
    replace(temporary, folder / FILE)


def read_catalogue(folder: Path, d_sae: int) -> Catalogue:
    """Read `latents.parquet` of an SAE folder.

    Raises SAEError when it is missing, is no Parquet file, has other columns, or does not
    describe `d_sae` latents.
    """
    path = folder / FILE
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise SAEError(
            f"{folder} has no {FILE}, so its latents have no statistics: run `glassdex label`"
        ) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise SAEError(f"cannot read {path}: {error}") from error
    for name, wanted in _COLUMNS.items():
        seen = str(table.schema.field(name).type) if name in table.column_names else "missing"
        if not seen.startswith(wanted):
            raise SAEError(
                f"{path}: column {name!r} is {seen}, wanted {wanted}: run `glassdex label`"
            )
    if table["latent"].to_pylist() != list(range(d_sae)):
        raise SAEError(
            f"{path} describes {table.num_rows} latents, wanted 0 to {d_sae - 1} in order: run "
            "`glassdex label`"
        )
    return _from_table(table)


def _from_table(table: pa.Table) -> Catalogue:
    vectors = table["vector"].combine_chunks()
    flat = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return Catalogue(
        density=_column(table, "density"),
        maximum=_column(table, "maximum"),
        p90=_column(table, "p90"),
        labels=[tuple(Label(**row) for row in rows) for rows in table["labels"].to_pylist()],
        vectors=_unit(flat.reshape(table.num_rows, -1)),
    )


def _column(table: pa.Table, name: str) -> NDArray[np.float32]:
    column: NDArray[np.float32] = table[name].to_numpy().astype(np.float32)
    return column


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)


def _as_row(label: Label) -> dict[str, str | float]:
    return {"text": label.text, "source": label.source, "score": label.score, "date": label.date}
