import hashlib

import pytest

from glassdex.errors import FingerprintError
from glassdex.sae.fingerprint import Fingerprint, require_same

HERE = {"layer": 4, "reader": "all-MiniLM-L6-v2", "words_k": 1.2}


def test_the_digest_is_of_the_canonical_json_and_not_of_the_order():
    text = '{"layer":4,"reader":"all-MiniLM-L6-v2","words_k":1.2}'
    assert Fingerprint(HERE).digest == hashlib.sha256(text.encode()).hexdigest()
    assert Fingerprint(dict(reversed(HERE.items()))).digest == Fingerprint(HERE).digest


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (HERE, []),
        (HERE | {"layer": 5}, ["layer"]),
        (HERE | {"layer": 5, "reader": "x", "new": True}, ["layer", "new", "reader"]),
        ({"layer": 4}, ["reader", "words_k"]),
    ],
)
def test_differences_are_named(other, names):
    here, there = Fingerprint(HERE), Fingerprint(other)
    assert here.differences(there) == there.differences(here) == names
    assert (here.digest == there.digest) == (not names)


def test_the_same_fingerprint_passes():
    require_same(Fingerprint(HERE), Fingerprint(dict(HERE)), where="the index 'x'")


def test_vectors_of_two_fingerprints_never_mix():
    there = Fingerprint(HERE | {"layer": 5, "words_k": None})
    with pytest.raises(FingerprintError) as error:
        require_same(Fingerprint(HERE), there, where="the index 'x'")
    assert str(error.value) == (
        "the index 'x' was made with other vectors: layer is 5 there and 4 here; words_k is None "
        "there and 1.2 here. Use the same reader, SAE and options, or another index"
    )
