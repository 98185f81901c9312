import json
from itertools import pairwise

import numpy as np
import pytest

from glassdex.errors import ModelError, UsageError
from glassdex.sae.batching import TOKENS_PER_BATCH
from glassdex.sae.reader import OVERLAP, Reader

WORDS = [
    "the",
    "old",
    "mill",
    "by",
    "the",
    "river",
    "turns",
    "slowly",
    "in",
    "winter",
    "and",
    "stands",
    "still",
    "all",
    "summer",
]
FULL = "one two three four five six seven eight nine ten one two three four"
"""14 tokens, 16 with the special ones: 32 of these fill a batch."""


@pytest.fixture(scope="module")
def long_text():
    generator = np.random.default_rng(0)
    return " ".join(generator.choice(WORDS, 1000))


def vectors(reader, texts):
    """For each text: its windows, their pooled vectors, and the hidden states of its tokens."""
    found = [[] for _ in texts]
    for batch in reader.read(reader.tokenize(texts)):
        assert len(batch.hidden) <= TOKENS_PER_BATCH
        for position, window in enumerate(batch.windows):
            hidden = batch.hidden[batch.window == position]
            found[window.text].append((window, batch.pooled[position], hidden))
    for of_text in found:
        of_text.sort(key=lambda read: read[0].span.start)
    return [
        (w, np.stack(p), np.concatenate(h)) for w, p, h in (zip(*f, strict=True) for f in found)
    ]


def assert_same(found, wanted):
    assert np.array_equal(found[1], wanted[1])
    assert np.array_equal(found[2], wanted[2])


def test_a_text_gives_the_same_bits_alone_and_among_any_others(reader, demo_texts, long_text):
    texts = [*demo_texts[:20], FULL, long_text, "", "x"]
    wanted = vectors(reader, texts)
    order = np.random.default_rng(0).permutation(len(texts))
    for number, found in zip(order, vectors(reader, [texts[n] for n in order]), strict=True):
        assert_same(found, wanted[number])
    for number in (0, 7, 20, 22):
        assert_same(vectors(reader, [texts[number]])[0], wanted[number])


def test_a_batch_that_is_full_gives_the_same_bits(reader):
    alone, *together = vectors(reader, [FULL])[0], *vectors(reader, [FULL] * 40)
    for found in together:
        assert_same(found, alone)


def test_every_token_of_a_long_text_is_read_once(reader, long_text):
    (tokens,) = reader.tokenize([long_text])
    assert len(tokens.ids) == 1000
    ((windows, _, hidden),) = vectors(reader, [long_text])
    assert hidden.shape == (1000, 384)
    assert windows[0].span.own_start == 0
    assert windows[-1].span.own_stop == 1000
    for left, right in pairwise(windows):
        assert left.span.own_stop == right.span.own_start
        assert left.span.stop - right.span.start >= OVERLAP
    for window in windows:
        assert len(window.ids) <= 256
        assert window.ids[1:-1] == tokens.ids[window.span.start : window.span.stop]


def test_hidden_states_are_those_of_the_layer_and_belong_to_their_tokens(reader, long_text):
    ((windows, pooled, hidden),) = vectors(reader, [long_text])
    for window, vector in zip(windows, pooled, strict=True):
        states = reader._encoder.hidden_states([window.ids], {4, 6}, fixed=False)
        span = window.span
        own = slice(1 + span.own_start - span.start, 1 + span.own_stop - span.start)
        expected = states[4][own]
        np.testing.assert_allclose(
            hidden[span.own_start : span.own_stop], expected, atol=1e-5, rtol=0
        )
        np.testing.assert_allclose(vector, states[6].mean(0), atol=1e-5, rtol=0)


def test_reading_one_text_without_padding_agrees(reader, demo_texts, long_text):
    for text in (demo_texts[0], FULL, "", " ".join(long_text.split()[: reader.window])):
        (tokens,) = reader.tokenize([text])
        one = reader.read_one(tokens)
        ((_, pooled, hidden),) = vectors(reader, [text])
        np.testing.assert_allclose(one.pooled, pooled, atol=1e-5, rtol=0)
        np.testing.assert_allclose(one.hidden, hidden, atol=1e-5, rtol=0)


def test_reading_one_text_cuts_nothing_off(reader, long_text):
    (tokens,) = reader.tokenize([long_text])
    with pytest.raises(UsageError, match="the text has 1000 tokens, one pass takes 254"):
        reader.read_one(tokens)


def test_offsets_count_characters_of_the_original_text(reader):
    text = "Crème brûlée 😀 costs £4, naïvely.\n\tYes"
    (tokens,) = reader.tokenize([text])
    pieces = [text[start:stop] for start, stop in tokens.offsets]
    assert "".join(pieces) == "".join(text.split())
    assert pieces[:2] == ["Cr", "ème"]
    assert "😀" in pieces


@pytest.mark.parametrize("text", ["", " ", "\n\t  "])
def test_a_text_without_tokens_has_a_vector_and_no_hidden_states(reader, text):
    ((windows, pooled, hidden),) = vectors(reader, [text])
    assert len(windows) == 1
    assert hidden.shape == (0, 384)
    assert np.isfinite(pooled).all()


def test_no_texts_are_no_batches(reader):
    assert reader.tokenize([]) == []
    assert list(reader.read([])) == []


def test_half_a_surrogate_pair_is_refused(reader):
    with pytest.raises(UsageError, match="half a surrogate pair"):
        reader.tokenize(["fine", "bad \udc80"])


@pytest.mark.parametrize("layer", [0, 7, -1])
def test_a_layer_that_is_not_there(layer):
    with pytest.raises(ModelError, match=f"layer {layer} was asked of .*, which has layers 1 to 6"):
        Reader.load(layer=layer)


def test_all_that_fixes_the_vectors_is_described(reader):
    assert reader.describe() == {
        "reader": "all-MiniLM-L6-v2",
        "reader_revision": reader.checkpoint.revision,
        "reader_sha256": reader.checkpoint.sha256,
        "tokenizer_sha256": reader.checkpoint.tokenizer_sha256,
        "layer": 4,
        "pooling": "mean",
        "window": 256,
        "overlap": 32,
    }


def test_a_short_window_overlaps_by_half(tmp_path, write_bert):
    reader = Reader.load(str(write_bert(tmp_path, max_position_embeddings=12)), layer=2)
    assert (reader.window, reader.overlap) == (10, 5)
    ((windows, _, hidden),) = vectors(reader, [" ".join(["w1"] * 33)])
    assert hidden.shape == (33, 32)
    assert [w.span.start for w in windows] == [0, 5, 10, 15, 20, 23]


def test_a_window_too_small_for_any_text_is_refused(tmp_path, write_bert):
    with pytest.raises(ModelError, match="sees 2 tokens, which leaves none for text"):
        Reader.load(str(write_bert(tmp_path, max_position_embeddings=2)), layer=1)


def test_a_tokenizer_without_special_tokens(tmp_path, write_bert):
    path = write_bert(tmp_path) / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"post_processor": None}))
    reader = Reader.load(str(tmp_path), layer=1)
    assert reader.window == 48
    for text, n_tokens in (("w1 w2", 2), ("", 0)):
        ((_, pooled, hidden),) = vectors(reader, [text])
        assert hidden.shape == (n_tokens, 32)
        assert np.isfinite(pooled).all()
        one = reader.read_one(reader.tokenize([text])[0])
        np.testing.assert_allclose(one.pooled, pooled, atol=1e-5, rtol=0)


def test_a_damaged_tokenizer_is_refused(tmp_path, write_bert):
    (write_bert(tmp_path) / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"cannot read the tokenizer .*tokenizer\.json"):
        Reader.load(str(tmp_path), layer=1)
