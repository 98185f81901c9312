"""An index as one Parquet file: a copy to keep, to move between folder and server, or to read
with other tools."""

from pathlib import Path

from glassdex.errors import UsageError
from glassdex.indexer.index import Index, fingerprint, place_of
from glassdex.indexer.pruning import Pruning
from glassdex.sae.bundle import BUNDLED, load_bundle
from glassdex.sae.fingerprint import Fingerprint, require_same
from glassdex.settings import Settings
from glassdex.store.opening import open_store, store_exists
from glassdex.store.parquet import export_store, import_store, read_header
from glassdex.words import WordEncoder


def export_index(index: Index, path: Path) -> int:
    """Write all documents with their vectors and the fingerprint; returns how many there were.

    The file appears once it is complete. Raises StoreError when it cannot be written.
    """
    return export_store(index.documents, path)


def import_index(settings: Settings, name: str, path: Path) -> int:
    """Make a new index of an exported one; returns how many documents it has.

    Raises UsageError when an index of that name is there, InputError on a file that is damaged
    or not an export, FingerprintError when its vectors are not those of its SAE as it is here.
    """
    place = place_of(settings, name)
    if store_exists(place.documents):
        raise UsageError(f"there is an index {name!r} already: import under another name")
    header = read_header(path)
    bundle = load_bundle(header.metadata.get("sae", BUNDLED))
    there = Fingerprint(header.metadata.get("fingerprint", {}))
    here = fingerprint(bundle, WordEncoder(), Pruning.described(there.fields))
    require_same(here, there, where=str(path))
    store = open_store(place.documents, schema=header.schema, create=True)
    try:
        count = import_store(path, store)
        store.optimize()
    finally:
        store.close()
    with Index.open(settings, name):
        return count
