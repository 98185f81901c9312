import pytest

from glassdex.errors import UsageError
from glassdex.indexer.choice import choose
from glassdex.indexer.document import Document
from glassdex.store.filters import parse

DOCUMENTS = [
    Document(f"d{n}", "mail" if n % 2 else "chat", "text", f"text {n}", {"year": 2000 + n % 10})
    for n in range(2000)
]


def ids(**options):
    return [d.doc_id for d in choose(DOCUMENTS, **options)]


def test_everything_is_chosen_by_default():
    assert list(choose(DOCUMENTS)) == DOCUMENTS


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.9])
def test_a_share_is_about_as_large_as_asked(share):
    wanted = share * len(DOCUMENTS)
    spread = (wanted * (1 - share)) ** 0.5
    assert abs(len(ids(share=share)) - wanted) < 4 * spread


def test_the_same_documents_are_drawn_in_any_order_and_company():
    drawn = ids(share=0.3)
    assert ids(share=0.3) == drawn
    assert [d.doc_id for d in choose(DOCUMENTS[::-1], share=0.3)] == drawn[::-1]
    few = [d.doc_id for d in choose(DOCUMENTS[:50], share=0.3)]
    assert few == [i for i in drawn if int(i[1:]) < 50]


def test_a_larger_share_holds_a_smaller_one():
    assert set(ids(share=0.1)) < set(ids(share=0.2)) < set(ids(share=1.0))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("dataset=mail", lambda d: d.dataset == "mail"),
        ("year>=2005", lambda d: d.metadata["year"] >= 2005),
        ("doc_id=d7", lambda d: d.doc_id == "d7"),
        ("field!=text", lambda d: False),
    ],
)
def test_a_filter_sees_what_a_store_would(condition, holds):
    assert ids(where=parse([condition])) == [d.doc_id for d in DOCUMENTS if holds(d)]


def test_filter_and_share_go_together():
    where = parse(["dataset=mail"])
    drawn = set(ids(share=0.4))
    expected = [d.doc_id for d in DOCUMENTS if d.dataset == "mail" and d.doc_id in drawn]
    assert ids(where=where, share=0.4) == expected


@pytest.mark.parametrize("share", [0, -0.5, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused_before_anything_is_read(share):
    with pytest.raises(UsageError, match="wanted a number above 0 and at most 1"):
        choose(iter(()), share=share)
