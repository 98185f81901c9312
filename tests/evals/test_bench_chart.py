"""Charts of ratios."""

import pytest

from glassdex.errors import UsageError
from glassdex.evals.bench import BenchRow, Target
from glassdex.evals.bench_chart import check_chart, write_chart

ROWS = [
    BenchRow("encode", "small / forward pass", 9.0, "tokens/s", 10.0, 0.9, Target(0.8)),
    BenchRow("encode", "large / forward pass", 4.0, "tokens/s", 10.0, 0.4, Target(0.5)),
    BenchRow("query", "dense / reading", 3.0, "ms", 2.0, 1.5, Target(2, at_most=True)),
]


def test_an_svg_names_every_case_with_its_ratio(tmp_path):
    path = tmp_path / "chart.svg"
    write_chart(ROWS, path)
    drawn = path.read_text(encoding="utf-8")
    for row in ROWS:
        assert row.case in drawn
        assert f">{row.ratio:.2f}<" in drawn
    assert "encode: higher is better" in drawn
    assert "query: lower is better" in drawn


def test_other_formats(tmp_path):
    write_chart(ROWS[2:], tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    write_chart(ROWS[2:], tmp_path / "chart.html")
    page = (tmp_path / "chart.html").read_text(encoding="utf-8")
    assert "dense / reading" in page
    assert "<script src=" not in page  # it loads nothing


@pytest.mark.parametrize("name", ["chart.pdf", "chart", "no-folder/chart.svg"])
def test_a_chart_that_could_not_be_written_is_refused_at_once(tmp_path, name):
    with pytest.raises(UsageError, match="chart"):
        check_chart(tmp_path / name)
