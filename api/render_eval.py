"""Evaluations as a table."""

from rich.table import Table

from glassdex.api.console import escaped, out
from glassdex.evals.report import EvalReport


def show_report(report: EvalReport) -> None:
    """Mean measures of each system, then AP on each dataset; the best of a column is bold."""
    datasets = list(next(iter(report.systems.values())))
    measures = list(report.mean(next(iter(report.systems))))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("system")
    columns = [
        (m if len(datasets) == 1 else f"mean {m}", {s: report.mean(s)[m] for s in report.systems})
        for m in measures
    ]
    if len(datasets) > 1:
        columns += [
            (f"AP {d}", {s: report.systems[s][d].mean["AP"] for s in report.systems})
            for d in datasets
        ]
    for title, _ in columns:
        table.add_column(escaped(title), justify="right", overflow="fold")
    for system in report.systems:
        cells = [_cell(values[system], max(values.values())) for _, values in columns]
        table.add_row(escaped(system), *cells)
    out.print(table)


def _cell(value: float, best: float) -> str:
    return f"[bold]{value:.3f}[/]" if value == best else f"{value:.3f}"
