"""Speed as ratios within one run: what we do, beside what it cannot be faster than and beside
what others do.

Figures of two machines, or of two moments on a busy one, say little about each other; a ratio
of runs that took turns does. Speeds are the best of interleaved rounds, because other work on the
machine only ever adds time.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from glassdex.evals.bench_corpus import BenchCorpus
from glassdex.sae.workers import split_products
from glassdex.settings import Settings

Timed: TypeAlias = Callable[[], float]
"""Does something and returns the seconds that it took, without what it takes to prepare it."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a ratio is wanted to be: at least `bound`, or at most."""

    bound: float
    at_most: bool = False

    def met(self, ratio: float) -> bool:
        """Whether a ratio reaches it."""
        return ratio <= self.bound if self.at_most else ratio >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One measurement. `reference` is what it is compared with, in the same unit and run;
    `ratio` is value / reference. Of speeds the higher is better, of times the lower."""

    bench: str
    case: str
    value: float
    unit: str
    reference: float
    ratio: float
    target: Target | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract of `glassdex bench --json`."""
        fields = asdict(self)
        del fields["target"]
        return fields


@dataclass(frozen=True, slots=True)
class BenchSize:
    """How much is measured."""

    rounds: int
    """In which everything that is compared takes its turn."""

    encoded: int
    """Texts of the encoding bench."""

    indexed: int
    """Documents of the indexing bench."""

    stored: int
    """Documents that queries are asked of."""

    asked: int
    """Queries of each mode."""

    varied: int = 400
    """Documents that are read for that; the others are made from their vectors."""

    dictionaries: tuple[tuple[int, int], ...] = ((4096, 4096), (16_384, 2048))
    """Latents of an SAE, and hidden states of one step of its training."""


QUICK = BenchSize(rounds=3, encoded=200, indexed=1000, stored=2000, asked=40)
FULL = BenchSize(rounds=5, encoded=1000, indexed=4000, stored=50_000, asked=200)


@dataclass(frozen=True, slots=True)
class BenchSetup:
    """What every bench is given."""

    corpus: BenchCorpus
    size: BenchSize
    settings: Settings
    """With a home for indexes that is thrown away."""

    sae: str
    """The SAE to measure besides random ones: `bundled`, or a folder."""

    say: Callable[[str], None]
    """Is told what is being measured."""


def timed(act: Callable[[], object]) -> Timed:
    """The act itself is all that is timed."""

    def run() -> float:
        started = time.perf_counter()
        act()
        return time.perf_counter() - started

    return run


def timed_wide(act: Callable[[], object]) -> Timed:
    """As `timed`, with each of torch's products on all threads: for those who work that way."""

    def run() -> float:
        with split_products():
            return timed(act)()

    return run


def race(runners: Mapping[str, Timed], rounds: int) -> dict[str, float]:
    """Best seconds of each runner over rounds in which all of them take a turn.

    Every other round goes backwards, so that nobody always comes after the same neighbour.
    """
    best = dict.fromkeys(runners, float("inf"))
    for number in range(rounds):
        for name in list(runners)[:: -1 if number % 2 else 1]:
            best[name] = min(best[name], runners[name]())
    return best


def compared(
    bench: str,
    case: str,
    value: float,
    unit: str,
    references: Iterable[tuple[str, float, Target | None]],
) -> list[BenchRow]:
    """A row for each reference (name, number, target), called `case / name`."""
    return [
        BenchRow(bench, f"{case} / {name}", value, unit, number, value / number, target)
        for name, number, target in references
    ]
