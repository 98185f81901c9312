"""What is said of long work to somebody who does not see a bar."""

import pytest

from glassdex.api import progress
from glassdex.api.progress import IndexProgress, said
from glassdex.indexer.meter import Meter
from glassdex.indexer.run import IndexReport


@pytest.fixture
def talkative(monkeypatch):
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)


def test_numbers_and_rates_of_a_run():
    report = IndexReport(indexed=1200, tokens=60_000, seconds=12.0)
    assert said(report) == "1,200 documents (100/s, 5,000 tokens/s)"
    resumed = IndexReport(indexed=0, skipped=7, seconds=0.0)
    assert said(resumed).endswith(", 7 already there")


def test_a_log_gets_the_time_left_by_bytes(talkative, tmp_path, capsys):
    source, meter = tmp_path / "a.txt", Meter()
    source.write_bytes(b"x" * 400)
    with IndexProgress([str(source)], meter) as shown:
        meter.read = 100
        shown.update(IndexReport(indexed=10, tokens=50, seconds=60.0))
    assert capsys.readouterr().err == "10 documents (0/s, 1 tokens/s) 0:03:00 left\n"


def test_where_the_end_is_not_known_no_time_is_promised(talkative, capsys):
    meter = Meter()
    with IndexProgress(["-"], meter) as shown:
        meter.read = 100
        shown.update(IndexReport(indexed=10, seconds=1.0))
    assert "left" not in capsys.readouterr().err


def test_a_log_is_not_flooded(tmp_path, capsys):
    with IndexProgress([str(tmp_path)], Meter()) as shown:
        for _ in range(100):
            shown.update(IndexReport(indexed=10, seconds=1.0))
    assert capsys.readouterr().err == ""
