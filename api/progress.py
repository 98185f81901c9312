"""Progress of long work, on stderr: a live line in a terminal, a line a minute in a log."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from glassdex.api.console import err, escaped
from glassdex.evals.evaluate import EvalStep
from glassdex.indexer.meter import Meter
from glassdex.indexer.run import IndexReport
from glassdex.indexer.sources import total_bytes
from glassdex.sae.build import BuildListener
from glassdex.sae.trainer import TrainProgress

_LOG_SECONDS = 60.0
_BAR = 20


class _Shown:
    """A progress display as a context manager."""

    def __init__(self, *columns: ProgressColumn) -> None:
        self._bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._logged = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def _log(self, line: str) -> None:
        """Say it where no bar is drawn, at most once a minute."""
        now = time.monotonic()
        if self._bar.disable and now - self._logged >= _LOG_SECONDS:
            self._logged = now
            err.print(escaped(line))


class IndexProgress(_Shown):
    """Documents and tokens so far with their rates; time left by bytes of the sources read."""

    def __init__(self, sources: Sequence[str], meter: Meter) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(_BAR),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._meter = meter
        self._total = total_bytes(sources)
        self._task = self._bar.add_task("reading", total=self._total, left="")

    def update(self, report: IndexReport) -> None:
        """Show a finished chunk."""
        line, left = said(report), self._left(report.seconds)
        self._bar.update(self._task, description=line, completed=self._meter.read, left=left)
        self._log(f"{line} {left}")

    def _left(self, seconds: float) -> str:
        """Time left at the speed so far, chunks being too rare to tell it from the last few."""
        if not self._total or not self._meter.read:
            return ""
        rest = max(0, self._total - self._meter.read)
        return f"{timedelta(seconds=round(seconds * rest / self._meter.read))} left"


def said(report: IndexReport) -> str:
    """Numbers and rates of an indexing run."""
    seconds = max(report.seconds, 1e-9)
    there = f", {report.skipped:,} already there" if report.skipped else ""
    return (
        f"{report.indexed:,} documents ({report.indexed / seconds:,.0f}/s, "
        f"{report.tokens / seconds:,.0f} tokens/s){there}"
    )


class TrainBars(_Shown):
    """One bar a phase: reading, training, describing."""

    def __init__(self, tokens: int | None, described: int) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(_BAR),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._read = self._bar.add_task("reading hidden states", total=tokens)
        self._train = self._bar.add_task("training", total=None, visible=False)
        self._describe = self._bar.add_task("describing latents", total=described, visible=False)
        self.listener = BuildListener(self._on_read, self._on_step, self._on_described)

    def _on_read(self, tokens: int) -> None:
        self._bar.update(self._read, completed=tokens)
        self._log(f"reading hidden states: {tokens:,}")

    def _on_step(self, progress: TrainProgress) -> None:
        line = (
            f"training: nMSE {progress.nmse:.3f}, L0 {progress.l0:.1f}, "
            f"dead {progress.dead_share:.1%}, {progress.tokens_per_second:,.0f} tokens/s"
        )
        self._bar.update(
            self._train,
            visible=True,
            completed=progress.step,
            total=progress.total_steps,
            description=line,
        )
        self._log(f"{line}, step {progress.step:,} of {progress.total_steps:,}")

    def _on_described(self, texts: int) -> None:
        self._bar.update(self._describe, visible=True, advance=texts)
        self._log("describing latents")


class EvalProgress(_Shown):
    """The set being indexed, then each system's queries."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(_BAR),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._task = self._bar.add_task("reading", total=None)

    def indexing(self, dataset: str, report: IndexReport, size: int) -> None:
        """Show a finished chunk of a set of `size` documents."""
        done = report.indexed + report.skipped
        self._show(f"{dataset}: indexing", done, size)

    def answered(self, step: EvalStep) -> None:
        """Show an answered query."""
        self._show(f"{step.dataset}: {step.system}", step.done, step.total)

    def _show(self, what: str, done: int, total: int) -> None:
        self._bar.update(self._task, description=escaped(what), completed=done, total=total)
        self._log(f"{what}, {done:,} of {total:,}")


@contextmanager
def counter(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """One bar; the function it gives advances it."""
    columns = (TextColumn(what), BarColumn(_BAR), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda n: bar.update(task, advance=n)
