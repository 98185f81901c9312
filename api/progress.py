"""Progress of long work, on stderr."""

from types import TracebackType
from typing import Self

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from glassdex.api.console import err
from glassdex.indexer.run import IndexReport


class IndexProgress:
    """Documents and tokens so far, with their rates."""

    def __init__(self) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._task = self._bar.add_task("reading", total=None)

    def update(self, report: IndexReport) -> None:
        """Show a finished chunk."""
        seconds = max(report.seconds, 1e-9)
        self._bar.update(
            self._task,
            description=(
                f"{report.indexed:,} documents ({report.indexed / seconds:,.0f}/s), "
                f"{report.tokens:,} tokens ({report.tokens / seconds:,.0f}/s), "
                f"{report.skipped:,} already there"
            ),
        )

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
