"""Intervals and p-values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from glassdex.errors import UsageError
from glassdex.evals.significance import compare, compare_all, holm

P_VALUES = st.lists(st.floats(0, 1), max_size=8)


def values(numbers: object) -> dict[str, float]:
    return {f"q{i:03}": float(x) for i, x in enumerate(np.asarray(numbers))}


def test_the_same_system_differs_by_nothing() -> None:
    scores = {"one": values([0.1, 0.5, 0.9]), "two": values([0.3])}
    found = compare(scores, scores)
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_a_constant_gain_is_certain() -> None:
    found = compare({"d": values([0.5, 0.7, 0.9])}, {"d": values([0.25, 0.45, 0.65])}, samples=999)
    assert found.difference == pytest.approx(0.25)
    assert (found.low, found.high) == (pytest.approx(0.25), pytest.approx(0.25))
    assert found.p_value == pytest.approx(1 / 1000)


def test_agrees_with_scipy_on_one_dataset() -> None:
    generator = np.random.default_rng(3)
    a, b = generator.random(200), generator.random(200) - 0.04
    found = compare({"d": values(a)}, {"d": values(b)})
    other = stats.bootstrap(
        (a - b,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.003)
    assert found.p_value == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.01)


def test_a_difference_over_two_datasets_by_normal_theory() -> None:
    """Variance of the macro mean: the sum of the variances of the two means, over 4."""
    generator = np.random.default_rng(5)
    small, large = generator.normal(0.1, 1, 40), generator.normal(0.3, 1, 400)
    zero = {"s": values(np.zeros(40)), "l": values(np.zeros(400))}
    found = compare({"s": values(small), "l": values(large)}, zero)
    error = math.sqrt(small.var() / 40 + large.var() / 400) / 2
    middle = (small.mean() + large.mean()) / 2
    assert found.difference == pytest.approx(middle)
    assert found.low == pytest.approx(middle - 1.96 * error, abs=0.01)
    assert found.high == pytest.approx(middle + 1.96 * error, abs=0.01)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(middle) / error), abs=0.01)


def test_seed_and_order_fix_the_answer() -> None:
    a, b = values([0.1, 0.9, 0.4, 0.6]), values([0.2, 0.5, 0.3, 0.9])
    first = compare({"d": a}, {"d": b}, seed=4)
    shuffled = compare({"d": dict(reversed(a.items()))}, {"d": b}, seed=4)
    assert first == shuffled
    assert (first.low, first.high) != (0, 0)


def test_more_queries_than_one_block_holds() -> None:
    a, b = np.ones(3000), np.zeros(3000)
    found = compare({"d": values(a)}, {"d": values(b)}, samples=1000)
    assert (found.low, found.high) == (1, 1)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"d": {"q": 1.0}}, {"d": {"r": 1.0}}),
        ({"d": {"q": 1.0}}, {"e": {"q": 1.0}}),
        ({"d": {"q": 1.0}}, {"d": {"q": 1.0, "r": 1.0}}),
        ({}, {}),
        ({"d": {}}, {"d": {}}),
    ],
)
def test_unpaired_systems_are_refused(
    a: dict[str, dict[str, float]], b: dict[str, dict[str, float]]
) -> None:
    with pytest.raises(UsageError, match="compar"):
        compare(a, b)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(P_VALUES)
def test_holm_never_lowers_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    pairs = sorted(zip(p_values, corrected, strict=True))
    assert [c for _, c in pairs] == sorted(corrected)


def test_compare_all_corrects_for_the_number_of_systems() -> None:
    generator = np.random.default_rng(0)
    base = generator.random(60)
    systems = {
        "base": {"d": values(base)},
        "same": {"d": values(base + generator.normal(0, 0.1, 60))},
        "good": {"d": values(base + generator.normal(0.05, 0.1, 60))},
    }
    same, good = compare_all(systems, "base")
    assert [(c.a, c.b) for c in (same, good)] == [("same", "base"), ("good", "base")]
    assert [same.p_holm, good.p_holm] == holm([same.p_value, good.p_value])
    assert good.p_holm < 0.05 < same.p_holm
    with pytest.raises(UsageError, match=r"no system is called 'bm25'; there are base, same, good"):
        compare_all(systems, "bm25")
