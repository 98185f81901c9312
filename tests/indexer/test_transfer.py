"""Export and import: the same index elsewhere."""

import json

import pyarrow.parquet as pq
import pytest

from glassdex.errors import FingerprintError, InputError, UsageError
from glassdex.indexer.document import Document
from glassdex.indexer.index import Index
from glassdex.indexer.run import index_documents
from glassdex.indexer.transfer import export_index, import_index
from glassdex.search.request import SearchRequest
from glassdex.search.searcher import Searcher
from glassdex.settings import Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(home=tmp_path_factory.mktemp("home"), url=None)


@pytest.fixture(scope="module")
def exported(settings, demo_texts):
    path = settings.home / "demo.parquet"
    with Index.open_or_create(settings, "demo") as index:
        index_documents(
            index, [Document(str(n), "d", "text", t) for n, t in enumerate(demo_texts[:30])]
        )
        assert export_index(index, path) == 30
    return path


def ranking(settings, name):
    with Index.open(settings, name) as index:
        return Searcher(index).ranking(SearchRequest("asks for a refund"))


def test_an_imported_index_answers_the_same(settings, exported):
    assert import_index(settings, "copy", exported) == 30
    assert ranking(settings, "copy") == ranking(settings, "demo")


def test_an_index_is_not_overwritten(settings, exported):
    with pytest.raises(UsageError, match="there is an index 'demo' already"):
        import_index(settings, "demo", exported)


def test_foreign_vectors_and_files_are_refused(settings, exported, tmp_path):
    table = pq.read_table(exported)
    meta = table.schema.metadata
    (key,) = (k for k, v in meta.items() if b"fingerprint" in v)
    header = json.loads(meta[key])
    header["metadata"]["fingerprint"]["layer"] = 9
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(table.replace_schema_metadata({**meta, key: json.dumps(header)}), foreign)
    with pytest.raises(FingerprintError, match="layer is 9 there and 4 here"):
        import_index(settings, "foreign", foreign)
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(InputError, match=r"text\.parquet"):
        import_index(settings, "foreign", tmp_path / "text.parquet")
    assert not (settings.indexes / "foreign").exists()
