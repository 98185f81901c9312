"""The demo corpus that ships with the package is what its README says it is."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import pytest

DEMO = files("glassdex.api") / "demo"
KINDS = {
    "support_mail": {"customer", "agent"},
    "review": {"author"},
    "reply": {"assistant_a", "assistant_b"},
    "note": {"author"},
}
COMMON = {"id", "kind", "source", "topic", "text", "properties"}

Record = Mapping[str, Any]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    lines = (DEMO / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def readme() -> str:
    return (DEMO / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stated(readme: str) -> dict[str, int]:
    """Property -> number of texts, from the README's table of properties."""
    rows = re.findall(r"\n\| `(\w+)` \| (\d+) \|", section(readme, "Properties"))
    return {name: int(n) for name, n in rows}


def section(readme: str, title: str) -> str:
    """Text under a heading, up to the next heading of the same rank."""
    return readme.partition(f"## {title}\n")[2].partition("\n## ")[0]


def having(records: list[Record], name: str) -> list[Record]:
    return [record for record in records if name in record["properties"]]


def test_every_record_has_the_fields_of_its_kind(records: list[Record]) -> None:
    assert Counter(record["kind"] for record in records) == dict.fromkeys(KINDS, 100)
    for record in records:
        is_reply = record["kind"] == "reply"
        assert set(record) == (COMMON | {"pair", "prompt"} if is_reply else COMMON), record["id"]
        assert record["source"] in KINDS[record["kind"]], record["id"]
        texts = [value for key, value in record.items() if key != "properties"]
        assert all(isinstance(text, str) and text == text.strip() != "" for text in texts)


def test_ids_and_texts_are_unique(records: list[Record]) -> None:
    assert len({record["id"] for record in records}) == len(records)
    assert len({record["text"] for record in records}) == len(records)


def test_texts_are_short(records: list[Record]) -> None:
    assert all(6 <= len(record["text"].split()) <= 90 for record in records)


def test_no_two_texts_share_five_words_in_a_row(records: list[Record]) -> None:
    owners: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for record in records:
        words = re.findall(r"[\w']+", record["text"].lower())
        for i in range(len(words) - 4):
            owners[tuple(words[i : i + 5])].add(record["id"])
    assert {gram: ids for gram, ids in owners.items() if len(ids) > 1} == {}


def test_readme_counts_every_property(records: list[Record], stated: dict[str, int]) -> None:
    labels = [name for record in records for name in record["properties"]]
    assert Counter(labels) == stated
    assert all(len(set(record["properties"])) == len(record["properties"]) for record in records)


def test_properties_are_frequent_and_spread(records: list[Record], stated: dict[str, int]) -> None:
    for name in stated:
        holders = having(records, name)
        assert len(holders) >= 12, name
        assert len({record["topic"] for record in holders}) >= 3, name
        assert len({record["kind"] for record in holders}) >= 2, name


def test_each_prompt_is_answered_once_by_each_assistant(records: list[Record]) -> None:
    replies = [record for record in records if record["kind"] == "reply"]
    by_pair: defaultdict[str, dict[str, Record]] = defaultdict(dict)
    for reply in replies:
        by_pair[reply["pair"]][reply["source"]] = reply
    assert len(by_pair) == 50
    for pair, answers in by_pair.items():
        assert set(answers) == {"assistant_a", "assistant_b"}
        assert len({(answer["prompt"], answer["topic"]) for answer in answers.values()}) == 1
        for source, answer in answers.items():
            assert answer["id"] == f"reply-{source[-1]}-{pair[1:]}"


def test_habits_of_the_assistants_are_as_stated(records: list[Record], readme: str) -> None:
    habits = re.findall(r"\n\| `(\w+)` \| (\d+) \| (\d+) \|", section(readme, "Two assistants"))
    assert len(habits) == 6
    for name, a, b in habits:
        sources = Counter(record["source"] for record in having(records, name))
        assert (sources["assistant_a"], sources["assistant_b"]) == (int(a), int(b)), name


def test_planted_correlation_is_as_stated(records: list[Record], readme: str) -> None:
    pattern = r"(\d+) of the (\d+) texts .* of the (\d+) other texts, (\d+) do"
    found = re.search(pattern, section(readme, "The planted correlation"))
    assert found is not None
    weather = {record["id"] for record in having(records, "mentions_weather")}
    money = {record["id"] for record in having(records, "mentions_money")}
    figures = len(weather & money), len(weather), len(records) - len(weather), len(money - weather)
    assert figures == tuple(map(int, found.groups()))
    assert len(weather & money) / len(weather) > 10 * len(money - weather) / len(records)
    assert {record["kind"] for record in records if record["id"] in weather & money} == set(KINDS)


def test_numbered_lists_are_labelled_by_their_form(records: list[Record]) -> None:
    in_form = {record["id"] for record in records if re.search(r"(?<!\S)1[.)] ", record["text"])}
    assert in_form == {record["id"] for record in having(records, "numbered_list")}
