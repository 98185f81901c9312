"""`docs/make_benchmarks.py`: the part of the page that it writes."""

import importlib.util
from pathlib import Path

import pytest

from glassdex.evals.bench import QUICK, BenchRow, Target
from glassdex.evals.bench_suite import BENCHES

SCRIPT = Path(__file__).parents[2] / "docs" / "make_benchmarks.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_benchmarks", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_are_a_table_for_each_bench(script):
    rows = [
        BenchRow("index", "small / forward pass", 1234.5, "tokens/s", 2469.0, 0.5, Target(0.8)),
        BenchRow("query", "dense / reading the query", 3.21, "ms", 2.0, 1.605),
    ]
    text = script.figures(rows, QUICK, "2026-01-02", "one machine")
    assert text.startswith("2026-01-02; one machine. Best of 3 rounds;")
    assert "| small / forward pass | 1,234 tokens/s | 2,469 tokens/s | 0.50 | ≥ 0.8 |" in text
    assert "| dense / reading the query | 3.21 ms | 2 ms | 1.60 |  |" in text


def test_only_what_is_between_the_comments_is_replaced(script):
    page = f"before\n{script.BEGIN}\nold\n{script.END}\nafter\n"
    once = script.replaced(page, "new")
    assert once == f"before\n{script.BEGIN}\n\nnew\n\n{script.END}\nafter\n"
    assert script.replaced(once, "new") == once


def test_the_page_shows_every_bench_and_the_chart(script):
    page = script.PAGE.read_text(encoding="utf-8")
    written = page.split(script.BEGIN)[1].split(script.END)[0]
    assert all(f"| {name} | ours | reference |" in written for name in BENCHES)
    assert f"({script.CHART.name})" in written
    assert script.CHART.exists()
