"""What all benches share: taking turns, ratios, targets."""

import pytest

from glassdex.evals.bench import BenchRow, Target, compared, race, timed


def test_a_race_counts_the_best_round_of_each():
    a, b = iter([3.0, 1.0, 2.0]), iter([5.0, 6.0, 4.0])
    assert race({"a": lambda: next(a), "b": lambda: next(b)}, 3) == {"a": 1.0, "b": 4.0}


def test_runners_take_turns_and_every_other_round_goes_backwards():
    order = []

    def runner(name):
        return lambda: float(order.append(name) or 1)

    race({name: runner(name) for name in "abc"}, 3)
    assert "".join(order) == "abccbaabc"


def test_timing_returns_the_seconds_of_the_act():
    done = []
    assert timed(lambda: done.append(1))() >= 0
    assert done == [1]


def test_a_row_for_each_reference():
    target = Target(2.0)
    rows = compared("b", "ours", 6.0, "tokens/s", [("x", 3.0, target), ("y", 12.0, None)])
    assert rows == [
        BenchRow("b", "ours / x", 6.0, "tokens/s", 3.0, 2.0, target),
        BenchRow("b", "ours / y", 6.0, "tokens/s", 12.0, 0.5, None),
    ]
    assert rows[0].to_json() == {
        "bench": "b",
        "case": "ours / x",
        "value": 6.0,
        "unit": "tokens/s",
        "reference": 3.0,
        "ratio": 2.0,
    }


@pytest.mark.parametrize(
    ("target", "met", "missed", "shown"),
    [(Target(0.8), 0.8, 0.79, "≥ 0.8"), (Target(2, at_most=True), 2.0, 2.1, "≤ 2")],
)
def test_a_target_is_a_floor_or_a_ceiling(target, met, missed, shown):
    assert target.met(met)
    assert not target.met(missed)
    assert str(target) == shown
