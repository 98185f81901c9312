"""Opening an index: what belongs together is kept together."""

import pytest
from pydantic import SecretStr

from glassdex.errors import FingerprintError, IndexMissingError, StoreBusyError, UsageError
from glassdex.indexer import index as index_module
from glassdex.indexer.index import Index, list_indexes, place_of
from glassdex.indexer.latents import latent_point_id
from glassdex.settings import Settings
from glassdex.store.opening import ServerLocation


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, url=None)


def test_the_catalogue_is_in_the_index(settings):
    with Index.open_or_create(settings) as index:
        catalogue = index.bundle.catalogue
        assert index.latents.count() == len(catalogue)
        (record,) = index.latents.get([latent_point_id(7)], vectors=("meaning",))
        assert record.payload["label"] == catalogue.name(7)
        assert record.payload["p90"] == pytest.approx(float(catalogue.p90[7]))


def test_a_half_written_catalogue_is_written_again(settings):
    with Index.open_or_create(settings) as index:
        index.latents.delete([latent_point_id(3)])
        index.latents.set_metadata({})
    with Index.open(settings) as index:
        assert len(index.latents.get([latent_point_id(3)])) == 1


def test_another_fingerprint_is_refused_by_its_fields(settings, monkeypatch):
    with Index.open_or_create(settings, "notes"):
        pass
    monkeypatch.setattr(index_module, "SCHEMA", 99)
    with pytest.raises(FingerprintError, match="'notes' was made with other vectors: schema is 2"):
        Index.open(settings, "notes")
    monkeypatch.undo()
    Index.open(settings, "notes").close()  # and the refused one is not held open


def test_a_missing_index_is_told_with_those_that_are_there(settings):
    with pytest.raises(IndexMissingError, match=r"no index .x. in .* none yet"):
        Index.open(settings, "x")
    with Index.open_or_create(settings, "notes"):
        pass
    with pytest.raises(IndexMissingError, match=r"there: notes.*glassdex index FILE -i x"):
        Index.open(settings, "x")
    assert list_indexes(settings) == ["notes"]


def test_a_second_opener_is_refused(settings):
    with Index.open_or_create(settings, "notes"), pytest.raises(StoreBusyError, match="notes"):
        Index.open(settings, "notes")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "a\0b", "ab\n"])
def test_a_name_cannot_be_a_path(settings, name):
    with pytest.raises(UsageError, match="cannot name an index"):
        place_of(settings, name)


def test_with_a_server_the_stores_are_collections(tmp_path):
    settings = Settings(home=tmp_path, url="http://localhost:6333", api_key=SecretStr("k"))
    place = place_of(settings, "notes")
    assert place.documents == ServerLocation(
        "http://localhost:6333", "glassdex-notes", SecretStr("k")
    )
    assert place.latents.collection == "glassdex-notes-latents"
