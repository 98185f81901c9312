import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glassdex.errors import SAEError
from glassdex.sae.catalogue import FILE, Catalogue, Label, read_catalogue, write_catalogue

BEST = Label("sorry / apologies", "c-tf-idf", 0.75, "2026-01-02")
SECOND = Label("says sorry: “pardon” 😀", "gpt", 0.5, "2026-01-03")


@pytest.fixture
def catalogue():
    vectors = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[2] = 0
    return Catalogue(
        density=np.float32([0.5, 0.1, 0, 1]),
        maximum=np.float32([3, 1.25, 0, 7]),
        p90=np.float32([2.5, 1, 0, 6]),
        labels=[(BEST, SECOND), (SECOND,), (), (BEST,)],
        vectors=vectors,
    )


@pytest.fixture
def folder(tmp_path, catalogue):
    write_catalogue(tmp_path, catalogue)
    return tmp_path


def rewrite(folder, change):
    table = pq.read_table(folder / FILE)
    pq.write_table(change(table), folder / FILE)


def test_what_was_written_is_read(folder, catalogue):
    found = read_catalogue(folder, 4)
    assert len(found) == 4
    for name in ("density", "maximum", "p90"):
        assert np.array_equal(getattr(found, name), getattr(catalogue, name))
        assert getattr(found, name).dtype == np.float32
    assert found.labels == catalogue.labels
    np.testing.assert_allclose(found.vectors, catalogue.vectors, atol=1e-3, rtol=0)
    norms = np.linalg.norm(found.vectors, axis=1)
    np.testing.assert_allclose(norms, [1, 1, 0, 1], atol=1e-6, rtol=0)
    assert found.vectors.dtype == np.float32


def test_writing_again_replaces_the_file_and_leaves_nothing_beside_it(folder, catalogue):
    write_catalogue(folder, catalogue)
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_a_latent_is_named_by_its_best_label_or_its_number(catalogue):
    assert catalogue.name(0) == "sorry / apologies"
    assert catalogue.name(2) == "latent 2"


def test_no_file_names_the_remedy(tmp_path):
    with pytest.raises(SAEError, match=r"has no latents\.parquet, .*: run `glassdex label`"):
        read_catalogue(tmp_path, 4)


@pytest.mark.parametrize("content", [b"", b"not parquet at all", None])
def test_a_damaged_file_is_refused(folder, content):
    path = folder / FILE
    path.write_bytes(path.read_bytes()[:-20] if content is None else content)
    with pytest.raises(SAEError, match=r"cannot read .*latents\.parquet"):
        read_catalogue(folder, 4)


@pytest.mark.parametrize("d_sae", [3, 5])
def test_the_catalogue_of_an_sae_of_another_size_is_refused(folder, d_sae):
    with pytest.raises(SAEError, match=f"describes 4 latents, wanted 0 to {d_sae - 1} in order"):
        read_catalogue(folder, d_sae)


def test_rows_in_another_order_are_refused(folder):
    rewrite(folder, lambda table: table.take([1, 0, 2, 3]))
    with pytest.raises(SAEError, match="wanted 0 to 3 in order"):
        read_catalogue(folder, 4)


@pytest.mark.parametrize("column", ["latent", "density", "maximum", "p90", "labels", "vector"])
def test_a_missing_column_is_named(folder, column):
    rewrite(folder, lambda table: table.drop_columns([column]))
    with pytest.raises(SAEError, match=f"column '{column}' is missing, wanted"):
        read_catalogue(folder, 4)


@pytest.mark.parametrize("column", ["density", "labels", "vector"])
def test_a_column_of_another_type_is_named(folder, column):
    words = pa.array(["a", "b", "c", "d"])
    rewrite(folder, lambda table: table.set_column(table.column_names.index(column), column, words))
    with pytest.raises(SAEError, match=f"column '{column}' is string, wanted"):
        read_catalogue(folder, 4)
