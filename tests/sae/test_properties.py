import gzip
import json

import pytest

from glassdex.errors import InputError
from glassdex.sae.properties import BANK, MAX_TEXT, Property, read_properties

FIELDS = {
    "name": "apologies",
    "paraphrases": ["saying sorry"],
    "group": "speech act",
    "positives": ["my fault entirely"],
    "negatives": ["your fault entirely"],
}


def write(path, *rows):
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["bank.jsonl", "bank.jsonl.gz"])
def test_a_bank_is_read_line_by_line(tmp_path, name):
    first, second = read_properties(write(tmp_path / name, FIELDS, {**FIELDS, "name": "regret"}))
    assert first == Property(
        name="apologies",
        paraphrases=("saying sorry",),
        group="speech act",
        positives=("my fault entirely",),
        negatives=("your fault entirely",),
    )
    assert first.wordings == ("apologies", "saying sorry")
    assert first.texts == ("my fault entirely", "your fault entirely")
    assert second.name == "regret"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"positives": []}, "'apologies' has no positive text"),
        ({"positives": "my fault"}, "positives is 'my fault'; wanted text"),
        ({"negatives": [" "]}, "has a text of 1 characters; wanted 1 to"),
        ({"negatives": ["x" * (MAX_TEXT + 1)]}, "has a text of 2,001 characters"),
        ({"name": 3}, "name is '[3]'; wanted text"),
        ({"label": "x"}, "wanted the fields group, name, negatives, paraphrases, positives"),
    ],
)
def test_a_line_that_is_no_property_is_named(tmp_path, changes, said):
    path = write(tmp_path / "bank.jsonl", FIELDS, {**FIELDS, **changes})
    with pytest.raises(InputError) as raised:
        read_properties(path)
    assert said in str(raised.value)
    assert f"{path}:2" in str(raised.value)


def test_other_files_are_refused(tmp_path):
    empty = write(tmp_path / "empty.jsonl")
    for path in (empty, tmp_path / "absent.jsonl"):
        with pytest.raises(InputError):
            read_properties(path)
    (tmp_path / "bad.jsonl").write_text("{")
    with pytest.raises(InputError, match=r"bad.jsonl:1 is not JSON"):
        read_properties(tmp_path / "bad.jsonl")


def test_every_property_of_the_bank_has_its_wordings_and_examples():
    properties = read_properties(BANK)
    for one in properties:
        assert (len(one.paraphrases), len(one.positives), len(one.negatives)) == (2, 8, 4), one.name
        assert all(6 <= len(text.split()) <= 45 for text in one.texts), one.name
    wordings = [w.lower() for one in properties for w in one.wordings]
    assert len(set(wordings)) == len(wordings)
    texts = [text for one in properties for text in one.texts]
    assert len(set(texts)) == len(texts)
