"""The systems every other has to beat."""

import math
from collections import Counter

import pytest

from glassdex.errors import InputError
from glassdex.evals.systems import BM25System, RandomSystem, System, best, words
from glassdex.indexer.document import Document


def documents(*texts: str) -> list[Document]:
    return [Document(f"d{i}", "set", "text", text) for i, text in enumerate(texts)]


def test_best_orders_by_score_then_id() -> None:
    assert best([("b", 1), ("a", 1), ("c", 2)], 2) == [("c", 2), ("a", 1)]


def test_chance_depends_on_seed_and_query_only() -> None:
    ids = [f"d{i}" for i in range(50)]
    system: System = RandomSystem(ids, seed=1)
    assert system.rank("q", 50) == RandomSystem(reversed(ids), seed=1).rank("q", 50)
    assert system.rank("q", 50) != system.rank("r", 50)
    assert system.rank("q", 50) != RandomSystem(ids, seed=2).rank("q", 50)
    assert system.rank("q", 3) == system.rank("q", 50)[:3]


def test_chance_gives_every_document_every_rank() -> None:
    system = RandomSystem("abcd")
    first = Counter(system.rank(f"q{i}", 1)[0][0] for i in range(2000))
    assert all(abs(count - 500) < 100 for count in first.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop; go2 STRASSE_x!", ["don", "t", "stop", "go2", "strasse_x"]),
        ("Straße, Ünïcödé", ["strasse", "ünïcödé"]),
        ("日本語 テスト", ["日本語", "テスト"]),
        ("?! — …", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_bm25_by_hand() -> None:
    system: System = BM25System(documents("cat cat dog", "dog bird fish", "fish fish", "ant bee"))
    ranking = system.rank("Cat?", 4)
    idf = math.log(4 - 1 + 0.5) - math.log(1 + 0.5)
    length = 1.5 * (1 - 0.75 + 0.75 * 3 / 2.5)
    assert ranking[0] == ("d0", pytest.approx(idf * 2 * 2.5 / (2 + length)))
    assert ranking[1:] == [("d1", 0), ("d2", 0), ("d3", 0)]


def test_bm25_without_any_word_is_an_error() -> None:
    with pytest.raises(InputError, match="no document has a word"):
        BM25System(documents("!!!", "?"))


def test_bm25_ranks_a_query_without_words() -> None:
    assert BM25System(documents("a b", "c")).rank("?", 2) == [("d0", 0), ("d1", 0)]
