"""An index: the documents' store, the latents' store, and the encoder that both belong to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from glassdex.errors import IndexMissingError, UsageError
from glassdex.indexer.latents import MEANING, fill_latents
from glassdex.indexer.pruning import Pruning
from glassdex.sae.bundle import BUNDLED, Bundle, load_bundle
from glassdex.sae.fingerprint import SCHEMA, Fingerprint, require_same
from glassdex.settings import Settings
from glassdex.store.opening import (
    FolderLocation,
    Location,
    ServerLocation,
    open_store,
    store_exists,
)
from glassdex.store.protocol import Store
from glassdex.store.types import StoreSchema
from glassdex.words import WordEncoder

LATENTS, DENSE, WORDS = "latents", "dense", "bm25"
"""Names of a document's three vectors."""

HALF = frozenset({DENSE, LATENTS})
"""Those of them that are kept in half precision: what that rounds off changes no ranking that
means anything, and it halves what they weigh."""


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """Where the two stores of an index are."""

    name: str
    documents: Location
    latents: Location


def place_of(settings: Settings, name: str) -> IndexPlace:
    """Folders below the home, or collections on the server that the settings name.

    Raises UsageError on a name that is not letters, digits, '.', '_' and '-'.
    """
    if not name or name.startswith(".") or not all(c.isalnum() or c in "._-" for c in name):
        raise UsageError(
            f"{name!r} cannot name an index: use letters, digits, '.', '_' and '-', "
            "not starting with '.'"
        )
    if settings.url is not None:
        return IndexPlace(
            name,
            ServerLocation(settings.url, f"glassdex-{name}", settings.api_key),
            ServerLocation(settings.url, f"glassdex-{name}-latents", settings.api_key),
        )
    folder = settings.indexes / name
    return IndexPlace(
        name, FolderLocation(folder / "documents"), FolderLocation(folder / "latents")
    )


class Index:
    """An open index. Use it as a context manager, or close it."""

    def __init__(
        self,
        name: str,
        documents: Store,
        latents: Store,
        bundle: Bundle,
        words: WordEncoder,
        pruning: Pruning,
    ) -> None:
        self.name = name
        self.documents = documents
        self.latents = latents
        self.bundle = bundle
        self.words = words
        self.pruning = pruning

    @classmethod
    def open(cls, settings: Settings, name: str = "default") -> Self:
        """Open an index that is there.

        Raises IndexMissingError naming the indexes that are, StoreBusyError when another
        process holds it, FingerprintError when its vectors are not those of its SAE as it is now.
        """
        place = place_of(settings, name)
        if not store_exists(place.documents):
            raise IndexMissingError(_missing(settings, name))
        return cls._open(place, None, None)

    @classmethod
    def open_or_create(
        cls,
        settings: Settings,
        name: str = "default",
        *,
        sae: str | None = None,
        pruning: Pruning | None = None,
    ) -> Self:
        """Open an index for writing, creating it with the given SAE when it is new.

        Raises as `open`; FingerprintError also when `sae` or `pruning` is not what it was made
        with.
        """
        place = place_of(settings, name)
        if store_exists(place.documents):
            return cls._open(place, sae, pruning)
        bundle = load_bundle(sae or BUNDLED)
        documents = open_store(place.documents, schema=_schema(bundle), create=True)
        with _closed_on_error(documents):
            return cls._assemble(place, documents, bundle, pruning or Pruning())

    @classmethod
    def _open(cls, place: IndexPlace, sae: str | None, pruning: Pruning | None) -> Self:
        documents = open_store(place.documents)
        with _closed_on_error(documents):
            made = documents.metadata()
            bundle = load_bundle(sae or made.get("sae", BUNDLED))
            if pruning is None:
                # An index whose creation was killed before it was described has no documents.
                pruning = Pruning.described(made["fingerprint"]) if made else Pruning()
            return cls._assemble(place, documents, bundle, pruning)

    @classmethod
    def _assemble(
        cls, place: IndexPlace, documents: Store, bundle: Bundle, pruning: Pruning
    ) -> Self:
        words, manifest = WordEncoder(), documents.metadata()
        here = fingerprint(bundle, words, pruning)
        if manifest:
            there = Fingerprint(manifest["fingerprint"])
            require_same(here, there, where=f"the index {place.name!r}")
        else:
            documents.set_metadata({"sae": bundle.name, "fingerprint": dict(here.fields)})
        schema = StoreSchema(dense={MEANING: bundle.encoder.reader.width})
        latents = open_store(place.latents, schema=schema, create=not store_exists(place.latents))
        with _closed_on_error(latents):
            fill_latents(latents, bundle.catalogue)
        return cls(place.name, documents, latents, bundle, words, pruning)

    def close(self) -> None:
        """Flush and release both stores."""
        self.documents.close()
        self.latents.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def _closed_on_error(store: Store) -> Iterator[None]:
    """Release a store that could not become part of an index."""
    try:
        yield
    except BaseException:
        store.close()
        raise


def fingerprint(bundle: Bundle, words: WordEncoder, pruning: Pruning) -> Fingerprint:
    """All that fixes the meaning of an index's vectors."""
    encoder, kept = bundle.encoder.describe(), pruning.describe()
    facts: dict[str, Any] = {**encoder, **kept, **words.describe(), "schema": SCHEMA}
    return Fingerprint(facts)


def list_indexes(settings: Settings) -> list[str]:
    """Names of the indexes in the home folder."""
    if not settings.indexes.is_dir():
        return []
    return sorted(p.name for p in settings.indexes.iterdir() if (p / "documents").is_dir())


def _schema(bundle: Bundle) -> StoreSchema:
    return StoreSchema(
        dense={DENSE: bundle.encoder.reader.width},
        sparse={LATENTS: False, WORDS: True},
        half=HALF,
    )


def _missing(settings: Settings, name: str) -> str:
    if settings.url is not None:
        return f"there is no index {name!r} on {settings.url}: make it with `glassdex index`"
    there = ", ".join(list_indexes(settings)) or "none yet"
    return (
        f"there is no index {name!r} in {settings.indexes} (there: {there}): make it with "
        f"`glassdex index FILE -i {name}`"
    )
