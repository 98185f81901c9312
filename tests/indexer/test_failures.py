"""The list of failed records."""

import json
from pathlib import Path

import pytest

from glassdex.errors import StoreError
from glassdex.indexer.failures import EXCERPT_CHARS, Failure, FailureLog, excerpt


def test_no_failure_no_file(tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    with FailureLog(path) as log:
        pass
    assert (log.failed, log.notices, log.first) == (0, 0, [])
    assert not path.exists()


def test_failures_are_on_disk_before_the_run_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "failures.jsonl"
    with FailureLog(path) as log:
        log(Failure("a.jsonl", "malformed", line=3, doc_id="d", excerpt="{..."))
        assert json.loads(path.read_text()) == {
            "source": "a.jsonl",
            "reason": "malformed",
            "line": 3,
            "doc_id": "d",
            "excerpt": "{...",
            "notice": False,
        }


def test_counts_failures_and_notices_and_keeps_the_first(tmp_path: Path) -> None:
    with FailureLog(tmp_path / "f.jsonl", first=2) as log:
        for line in range(1, 6):
            log(Failure("a", "bad", line=line))
        log(Failure("a", "by the way", notice=True))
    assert (log.failed, log.notices) == (5, 1)
    assert [failure.line for failure in log.first] == [1, 2]
    assert len((tmp_path / "f.jsonl").read_text().splitlines()) == 6


def test_replaces_the_file_of_a_former_run(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    for reason in ("first run", "second run"):
        with FailureLog(path) as log:
            log(Failure("a", reason))
    assert [json.loads(line)["reason"] for line in path.read_text().splitlines()] == ["second run"]
    with FailureLog(path):
        pass
    assert not path.exists()


def test_writes_even_what_is_not_unicode(tmp_path: Path) -> None:
    with FailureLog(tmp_path / "f.jsonl") as log:
        log(Failure("a", "bad", excerpt="\udc80"))
    assert json.loads((tmp_path / "f.jsonl").read_text())["excerpt"] == "\udc80"


def test_a_log_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with FailureLog(tmp_path / "f.jsonl") as log:
        log.path = tmp_path / "file" / "f.jsonl"
        with pytest.raises(StoreError, match=r"file/f\.jsonl.*GLASSDEX_HOME"):
            log(Failure("a", "bad"))


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (Failure("a.csv", "too long", line=7), "a.csv:7: too long"),
        (Failure("a.csv", "missing"), "a.csv: missing"),
    ],
)
def test_reads_as_one_line(failure: Failure, line: str) -> None:
    assert str(failure) == line


def test_excerpt_is_short_printable_and_on_one_line() -> None:
    assert (
        excerpt("two\nlines\tand \x1b[31mred") == "two lines and \N{REPLACEMENT CHARACTER}[31mred"
    )
    assert excerpt(b"caf\xe9") == "caf\N{REPLACEMENT CHARACTER}"
    assert excerpt("\ud800") == "\N{REPLACEMENT CHARACTER}"
    long = excerpt("word " * 1000)
    assert len(long) == EXCERPT_CHARS
    assert long.endswith("…")
