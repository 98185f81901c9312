"""From names to files."""

import os
from pathlib import Path

import pytest

from glassdex.errors import InputError
from glassdex.indexer.discover import check_source, find_all, find_files
from glassdex.indexer.failures import Failure
from glassdex.indexer.source_file import SourceFile


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def found(root: Path, dataset: str | None = None) -> list[tuple[str, str, str, str]]:
    return [
        (item.doc_id, item.format, item.dataset, item.name.removeprefix(f"{root}/"))
        for item in find_files(str(root), dataset)
        if isinstance(item, SourceFile)
    ]


def test_a_file_is_named_by_its_stem(tmp_path: Path) -> None:
    make(tmp_path, "a.jsonl.gz")
    (file,) = find_files(str(tmp_path / "a.jsonl.gz"))
    assert file == SourceFile(
        tmp_path / "a.jsonl.gz", f"{tmp_path}/a.jsonl.gz", "jsonl", "a", "a.jsonl.gz", named=True
    )


def test_standard_input() -> None:
    check_source("-")
    assert list(find_files("-")) == [
        SourceFile(None, "stdin", "jsonl", "stdin", "stdin", named=True)
    ]


def test_a_folder_is_searched_in_order_without_hidden_files(tmp_path: Path) -> None:
    root = tmp_path / "notes"
    make(
        root, "b.txt", "a.md", "sub/deep/c.txt", ".git/x.txt", ".hidden.txt", "2020/t.csv", "t.csv"
    )
    assert found(root) == [
        ("a.md", "text", "notes", "a.md"),
        ("b.txt", "text", "notes", "b.txt"),
        ("t.csv", "csv", "t", "t.csv"),
        ("2020/t.csv", "csv", "2020/t", "2020/t.csv"),
        ("sub/deep/c.txt", "text", "notes", "sub/deep/c.txt"),
    ]


def test_one_name_for_all(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "b.csv", "set/corpus.jsonl")
    assert {dataset for _, _, dataset, _ in found(tmp_path, "mine")} == {"mine"}


def test_beir_folders_give_their_corpus_only(tmp_path: Path) -> None:
    make(tmp_path, "one/corpus.jsonl.gz", "one/queries.jsonl", "one/qrels/test.tsv")
    make(tmp_path, "two/corpus.jsonl", "two/queries.jsonl")
    assert found(tmp_path) == [
        ("corpus.jsonl.gz", "beir", "one", "one/corpus.jsonl.gz"),
        ("corpus.jsonl", "beir", "two", "two/corpus.jsonl"),
    ]
    assert found(tmp_path / "one") == [("corpus.jsonl.gz", "beir", "one", "corpus.jsonl.gz")]


def test_other_files_are_counted_in_one_notice(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "b.pdf", "sub/c.PDF", "Makefile")
    (tmp_path / "broken.txt").symlink_to(tmp_path / "nowhere")
    *_, notice = find_files(str(tmp_path))
    assert isinstance(notice, Failure)
    assert notice.notice
    assert notice.reason.startswith(
        "4 files of unknown format passed over: .pdf (2), .txt (1), no suffix (1); known are .jsonl"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    make(tmp_path, "locked/a.txt", "b.txt")
    (tmp_path / "locked").chmod(0)
    failure = list(find_files(str(tmp_path)))[-1]
    (tmp_path / "locked").chmod(0o700)
    assert isinstance(failure, Failure)
    assert failure.reason == "the folder cannot be read: Permission denied"


def test_a_name_that_is_not_unicode_stays_readable(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    ((doc_id, *_, name),) = found(tmp_path)
    assert doc_id == name == "caf\\xe9.txt"


def test_two_files_of_one_name_are_mentioned(tmp_path: Path) -> None:
    make(tmp_path, "2019/data.jsonl", "2020/data.jsonl", "2020/other.csv")
    sources = [str(tmp_path / name) for name in ("2019/data.jsonl", "2020/data.jsonl")]
    first, notice, second = find_all(sources)
    assert isinstance(notice, Failure)
    assert notice.notice
    assert "the dataset name 'data' is also that of" in notice.reason
    assert isinstance(first, SourceFile)
    assert isinstance(second, SourceFile)
    assert len(list(find_all(sources, "all"))) == 2
    assert len(list(find_all([str(tmp_path)]))) == 3


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    make(tmp_path, "reviews.jsonl", "other.csv")
    with pytest.raises(
        InputError, match=r"no file or folder '.*review\.jsonl'.*has reviews\.jsonl"
    ):
        check_source(str(tmp_path / "review.jsonl"))


def test_a_missing_folder_is_the_part_that_is_named(tmp_path: Path) -> None:
    make(tmp_path, "data/a.jsonl")
    with pytest.raises(InputError, match=r"' has data$"):
        check_source(str(tmp_path / "dta" / "a.jsonl"))
    with pytest.raises(InputError, match="nothing of a similar name"):
        check_source(str(tmp_path / "zzz.jsonl"))


@pytest.mark.parametrize("source", ["", "a\0b.txt", "long " * 2000, "a.txt/b.txt"])
def test_names_that_can_be_no_file(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path, "a.txt")
    with pytest.raises(InputError, match="there is no file or folder") as caught:
        check_source(source)
    assert len(str(caught.value)) < 500


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    make(tmp_path, "a.pdf")
    with pytest.raises(
        InputError, match=r"format of '.*a\.pdf'.*\.jsonl.*\.parquet.*standard input"
    ):
        check_source(str(tmp_path / "a.pdf"))
