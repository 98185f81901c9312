"""The texts of a bench."""

import json

import pytest

from glassdex.errors import InputError
from glassdex.evals.bench_corpus import BenchCorpus


@pytest.fixture
def two(tmp_path):
    """A file of two documents."""
    path = tmp_path / "two.jsonl"
    records = [{"id": name, "text": f"the text of {name}"} for name in "ab"]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_users_file_is_read_as_it_is(two):
    assert BenchCorpus(two).texts(5) == ["the text of a", "the text of b"]
    assert BenchCorpus(two).texts(1) == ["the text of a"]


def test_repeated_texts_are_never_equal(two):
    documents = list(BenchCorpus(two, repeated=True).documents(5))
    assert [d.text for d in documents][1:4] == [
        "the text of b",
        "the text of a (1)",
        "the text of b (1)",
    ]
    assert len({d.text for d in documents}) == len({d.point_id for d in documents}) == 5


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError):
        BenchCorpus(tmp_path / "none.jsonl").texts(1)
