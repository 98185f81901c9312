"""Is one system better than another, or was it the choice of queries?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from glassdex.errors import UsageError

PerQuery: TypeAlias = Mapping[str, Mapping[str, float]]
"""Dataset to query to value of a measure, as EvalReport.per_query gives it."""

SAMPLES = 10_000
LEVEL = 0.95

_BLOCK = 2**20
"""Numbers drawn at a time: bounds the memory, whatever the number of queries."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """System `a` minus system `b`, in the macro mean over datasets.

    low, high: interval of the difference. p_value: two-sided. p_holm: the same after
    correction for all comparisons made together; equal for a single one.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float


def compare(
    a: PerQuery,
    b: PerQuery,
    *,
    names: tuple[str, str] = ("a", "b"),
    samples: int = SAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Comparison:
    """Paired bootstrap over queries, drawn anew within each dataset.

    The interval is the percentile interval. The p-value is the share of draws whose difference,
    centred on zero, is at least as far out as the one observed (Efron and Tibshirani 1993,
    chapter 16; Sakai 2006 for retrieval). Which datasets were chosen is not in either.

    Raises UsageError unless both have the same datasets and queries.
    """
    differences = _paired(a, b)
    observed = float(np.mean([d.mean() for d in differences]))
    drawn = _draws(differences, samples, np.random.default_rng(seed))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    # A difference of exactly 0 must not lose to rounding errors of the same size.
    beyond = np.count_nonzero(np.abs(drawn - observed) >= abs(observed) - 1e-12)
    p_value = (1 + int(beyond)) / (1 + samples)
    return Comparison(*names, observed, float(low), float(high), p_value, p_value)


def compare_all(
    systems: Mapping[str, PerQuery],
    baseline: str,
    *,
    samples: int = SAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> list[Comparison]:
    """Every other system against the baseline, with p-values corrected by `holm`.

    Raises UsageError when there is no such baseline.
    """
    if baseline not in systems:
        raise UsageError(f"no system is called {baseline!r}; there are {', '.join(systems)}")
    reference = systems[baseline]
    single = [
        compare(values, reference, names=(name, baseline), samples=samples, level=level, seed=seed)
        for name, values in systems.items()
        if name != baseline
    ]
    corrected = holm([comparison.p_value for comparison in single])
    return [replace(c, p_holm=p) for c, p in zip(single, corrected, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values that bound the chance of even one false finding among them (Holm 1979).

    The i-th smallest of m is multiplied by m - i + 1, and none may fall below a smaller one.
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for i, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - i) * p_values[position]))
        corrected[position] = largest
    return corrected


def _paired(a: PerQuery, b: PerQuery) -> list[NDArray[np.float64]]:
    """Per dataset, the differences of all queries, both in ascending order of name."""
    if {d: set(q) for d, q in a.items()} != {d: set(q) for d, q in b.items()}:
        raise UsageError("two systems can be compared only on the same datasets and queries")
    if not a or not all(a.values()):
        raise UsageError("a comparison needs at least one query in every dataset")
    return [np.array([a[d][q] - b[d][q] for q in sorted(a[d])]) for d in sorted(a)]


def _draws(
    differences: Sequence[NDArray[np.float64]], samples: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """The macro mean of each of `samples` draws: (samples,)."""
    total = np.zeros(samples)
    for values in differences:
        start = 0
        for block in _blocks(samples, len(values)):
            chosen = generator.integers(0, len(values), size=(block, len(values)))
            total[start : start + block] += values[chosen].mean(axis=1)
            start += block
    return total / len(differences)


def _blocks(samples: int, width: int) -> Iterator[int]:
    block = max(1, _BLOCK // width)
    for start in range(0, samples, block):
        yield min(block, samples - start)
