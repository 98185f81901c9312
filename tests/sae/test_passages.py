from itertools import pairwise

import numpy as np
import pytest

from glassdex.sae.passages import CONTEXT, CONTEXT_CHARS, Passage, TopPassages

D_SAE = 64
KEEP = 3


@pytest.fixture(scope="module")
def texts(demo_texts):
    long = " ".join(" ".join(demo_texts[100:110]).split()[:300])
    return [*demo_texts[:10], long, "", demo_texts[3]]


def gather(encoder, chunks, keep=KEEP):
    top = TopPassages(D_SAE, keep)
    pooled = [top.add(encoder, chunk) for chunk in chunks]
    return top.all(), pooled


@pytest.fixture(scope="module")
def gathered(encoder, texts):
    return gather(encoder, (texts[:5], texts[5:]))


def codes_of(encoder, texts):
    """Dense activations of every token of each text."""
    found = [np.zeros((0, D_SAE), np.float32) for _ in texts]
    for batch in encoder.reader.read(encoder.reader.tokenize(texts)):
        codes = encoder.sae.encode(batch.hidden).toarray()
        for position, window in enumerate(batch.windows):
            found[window.text] = np.r_[found[window.text], codes[batch.window == position]]
    return found


def expected_passage(text, offsets, codes, latent):
    token = int(codes[:, latent].argmax())
    low, high = offsets[token]
    start = offsets[max(0, token - CONTEXT)][0]
    stop = offsets[min(len(offsets), token + CONTEXT + 1) - 1][1]
    return Passage(text[start:stop], (low - start, high - start), float(codes[token, latent]))


def test_the_strongest_passages_of_every_latent_are_kept(encoder, texts, gathered):
    tokens = encoder.reader.tokenize(texts)
    codes = codes_of(encoder, texts)
    for latent, found in enumerate(gathered[0]):
        peaks = [(-c[:, latent].max(initial=0), n) for n, c in enumerate(codes)]
        strongest = [n for value, n in sorted(peaks) if value < 0][:KEEP]
        assert found == [
            expected_passage(texts[n], tokens[n].offsets, codes[n], latent) for n in strongest
        ]


def test_passages_are_sorted_and_one_a_document(gathered):
    assert max(map(len, gathered[0])) == KEEP
    for found in gathered[0]:
        assert all(a.activation >= b.activation > 0 for a, b in pairwise(found))


def test_what_was_read_comes_back_pooled(encoder, texts, gathered):
    for chunk, pooled in zip((texts[:5], texts[5:]), gathered[1], strict=True):
        assert pooled.shape == (len(chunk), D_SAE)
        assert (pooled != encoder.encode(chunk).latents).nnz == 0


def test_chunks_do_not_matter(encoder, texts, gathered):
    assert gather(encoder, (texts[:1], texts[1:12], texts[12:]))[0] == gathered[0]


@pytest.mark.parametrize("one_chunk", [True, False])
def test_ties_go_to_the_document_seen_first(encoder, one_chunk):
    tabs, spaces = "The\tred\tcar\tis\tfast.", "The red car is fast."  # the same tokens
    for texts in ([tabs, spaces], [spaces, tabs]):
        found, _ = gather(encoder, [texts] if one_chunk else [[t] for t in texts], keep=1)
        pieces = {p.text for passages in found for p in passages}
        assert pieces == {texts[0]}


def test_a_passage_is_short_even_of_a_text_without_spaces(encoder):
    huge = "x" * 50_000 + " and then " + " " * 10_000 + "y" * 50_000
    found, _ = gather(encoder, [[huge]])
    passages = [p for several in found for p in several]
    assert passages
    for passage in passages:
        low, high = passage.peak
        assert 0 <= low < high <= len(passage.text) <= 2 * CONTEXT_CHARS


def test_no_texts(encoder):
    found, (pooled,) = gather(encoder, [[]])
    assert pooled.shape == (0, D_SAE)
    assert not any(found)
    assert not any(gather(encoder, [["", " "]])[0])
