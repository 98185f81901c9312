"""The filter language: its parser, and a few meanings by hand, on every engine."""

import pytest

from glassdex.errors import UsageError
from glassdex.store.filters import And, AnyOf, Ids, Not, Range, check, matches, parse
from glassdex.store.types import Point


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("lang=en", AnyOf("lang", ("en",))),
        ("lang = en ", AnyOf("lang", ("en",))),
        ("lang!=en", Not(AnyOf("lang", ("en",)))),
        ("model=gpt4|claude", AnyOf("model", ("gpt4", "claude"))),
        (r"path=a\|b|c", AnyOf("path", ("a|b", "c"))),
        ("year=2019", AnyOf("year", ("2019", 2019))),
        ("year=-7", AnyOf("year", ("-7", -7))),
        ("score=2.50", AnyOf("score", ("2.50", 2.5))),
        ("score=1e3", AnyOf("score", ("1e3", 1000.0))),
        ("ok=True", AnyOf("ok", ("True", True))),
        ("name=", AnyOf("name", ("",))),
        ("name=nan", AnyOf("name", ("nan",))),
        ("name=1e999", AnyOf("name", ("1e999",))),
        ("name=1_000", AnyOf("name", ("1_000",))),
        ("name=٣", AnyOf("name", ("٣",))),
        ("formula=a=b", AnyOf("formula", ("a=b",))),
        ("text=two\nlines", AnyOf("text", ("two\nlines",))),
        ("year>=2019", Range("year", gte=2019.0)),
        ("year>2019", Range("year", gt=2019.0)),
        ("year<=.5", Range("year", lte=0.5)),
        ("year<-1e-3", Range("year", lt=-0.001)),
        ("sp ace=x", AnyOf("sp ace", ("x",))),
    ],
)
def test_conditions_are_read(text, wanted):
    parsed = parse([text])
    assert parsed == wanted
    if isinstance(wanted, AnyOf):
        assert [type(v) for v in parsed.values] == [type(v) for v in wanted.values]


def test_several_conditions_are_joined():
    assert parse([]) is None
    assert parse(["a=x", "b>1"]) == And((AnyOf("a", ("x",)), Range("b", gt=1.0)))


@pytest.mark.parametrize("text", ["", "lang", "=en", "year>soon", "year>=", "x<nan", "x>1e999"])
def test_what_cannot_be_read_is_named(text):
    with pytest.raises(UsageError):
        parse([text])


def test_what_no_engine_can_do_is_refused():
    deep = AnyOf("a", ("x",))
    for _ in range(40):
        deep = Not(deep)
    faulty = [Range("a"), AnyOf("a", (float("inf"),)), Range("a", gt=float("nan")), deep]
    for condition in faulty:
        with pytest.raises(UsageError):
            check(And((Not(condition),)))
    check(None)


POINTS = {
    "two": {"metadata": {"x": 2}},
    "two point zero": {"metadata": {"x": 2.0}},
    "text": {"metadata": {"x": "2"}},
    "true": {"metadata": {"x": True}},
    "one": {"metadata": {"x": 1}},
    "false": {"metadata": {"x": False}},
    "zero": {"metadata": {"x": 0}},
    "list": {"metadata": {"x": [7, "q", True]}},
    "null": {"metadata": {"x": None}},
    "object": {"metadata": {"x": {"y": 2}}},
    "large": {"metadata": {"x": 2**53 + 1}},
    "larger": {"metadata": {"x": 2**53 + 2}},
    "no metadata": {"dataset": "x"},
    "dotted": {"metadata": {"a.b": 1, "a": {"b": 2}}},
}

CASES = [
    (AnyOf("x", (2,)), {"two", "two point zero"}),
    (AnyOf("x", (2.0,)), {"two", "two point zero"}),
    (AnyOf("x", ("2",)), {"text"}),
    (AnyOf("x", ("2", 2)), {"text", "two", "two point zero"}),
    (AnyOf("x", (True,)), {"true", "list"}),
    (AnyOf("x", (1,)), {"one"}),
    (AnyOf("x", (False,)), {"false"}),
    (AnyOf("x", (0,)), {"zero"}),
    (AnyOf("x", (7, False, "2")), {"list", "false", "text"}),
    (AnyOf("x", (2**53 + 1,)), {"large"}),
    (AnyOf("x", (2**70,)), set()),
    (AnyOf("x", ()), set()),
    (Not(AnyOf("x", ())), set(POINTS)),
    (Range("x", gte=1, lt=7), {"two", "two point zero", "one"}),
    (Range("x", gt=2, lte=7), {"list"}),
    (Range("x", lt=1), {"zero"}),
    (AnyOf("y", (2,)), set()),
    (AnyOf("x.y", (2,)), set()),
    (AnyOf("a.b", (1,)), {"dotted"}),
    (AnyOf("a.b", (2,)), set()),
    (AnyOf("dataset", ("x",)), {"no metadata"}),
    (Not(AnyOf("dataset", ("x",))), set(POINTS) - {"no metadata"}),
    (Not(Range("x", gte=0)), {"text", "true", "false", "null", "object", "no metadata", "dotted"}),
    (And((Range("x", gte=1), Not(AnyOf("x", (2,))))), {"one", "list", "large", "larger"}),
]


@pytest.fixture(scope="module")
def filled(make_store):
    store = make_store()
    ids = {name: f"00000000-0000-5000-8000-{i:012x}" for i, name in enumerate(POINTS)}
    store.upsert([Point(ids[name], payload) for name, payload in POINTS.items()])
    return store, {point_id: name for name, point_id in ids.items()}


@pytest.mark.parametrize(("where", "wanted"), CASES, ids=[str(case[0]) for case in CASES])
def test_meanings_by_hand(filled, where, wanted):
    store, names = filled
    assert {names[r.id] for page in store.scan(where=where) for r in page} == wanted
    assert {name for name, payload in POINTS.items() if matches(where, "id", payload)} == wanted


def test_ids_match_themselves():
    assert matches(Ids(frozenset({"a"})), "a", {})
    assert not matches(Ids(frozenset({"a"})), "b", {})
    assert matches(None, "a", {})
