"""The error tree: one base, stable codes, exit codes, and the drawing that shows it."""

import inspect
import re
from itertools import pairwise

import pytest

from glassdex import errors
from glassdex.errors import GlassdexError

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
]


def depth(kind: type[BaseException]) -> int:
    return kind.__mro__.index(Exception)


def test_every_error_is_a_glassdex_error():
    assert all(issubclass(kind, GlassdexError) for kind in CLASSES)


def test_codes_are_stable_names_and_differ():
    codes = [kind.code for kind in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", code) for code in codes)


def test_only_a_wrong_request_exits_with_2():
    assert {kind.__name__: kind.exit_code for kind in CLASSES if kind.exit_code != 1} == {
        "UsageError": 2
    }


def test_the_drawn_tree_is_the_tree():
    """Each line of the drawing names a class, indented by its depth below the base."""
    drawn = re.findall(r"^([│├└─ ]*)(\w+Error)\b", errors.__doc__, re.MULTILINE)
    assert sorted(name for _, name in drawn) == sorted(kind.__name__ for kind in CLASSES)
    kinds = {kind.__name__: kind for kind in CLASSES}
    for indent, name in drawn:
        assert len(indent) == 4 * (depth(kinds[name]) - 1)
    for (_, above), (_, below) in pairwise(drawn):
        if depth(kinds[below]) > depth(kinds[above]):
            assert issubclass(kinds[below], kinds[above])


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_says_its_message_and_when_it_is_raised(kind):
    assert str(kind("seen, wanted, remedy")) == "seen, wanted, remedy"
    assert kind.__doc__
