from dataclasses import replace

import numpy as np
import pytest
import torch

from glassdex.errors import SAEError
from glassdex.sae.autoencoder import SparseAutoencoder, Weights
from glassdex.sae.batching import TOKENS_PER_BATCH
from glassdex.sae.config import SAEConfig
from glassdex.sae.encoder import TextEncoder
from glassdex.sae.reader import Reader

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "Crème brûlée, 東京 and Ελλάδα: naïve café.",
    "I love it 😀😀👩‍👩‍👧!",
    ".",
    " ",
    "a",
    "It is raining. " * 12,
]


@pytest.fixture(scope="module")
def texts(demo_texts):
    long = " ".join(" ".join(demo_texts[60:100]).split()[:700])
    return [*demo_texts[:6], long, "", demo_texts[6]]


@pytest.fixture(scope="module")
def encoded(encoder, texts):
    return encoder.encode(texts)


@pytest.fixture(scope="module")
def states(reader, texts):
    """Hidden states of every token of each text, and (pooled, own tokens) of its windows."""
    found = [[] for _ in texts]
    for batch in reader.read(reader.tokenize(texts)):
        for position, window in enumerate(batch.windows):
            own = batch.hidden[batch.window == position]
            found[window.text].append((window.span.start, own, batch.pooled[position]))
    for windows in found:
        windows.sort(key=lambda read: read[0])
    hidden = [np.concatenate([own for _, own, _ in windows]) for windows in found]
    return hidden, [[(pooled, len(own)) for _, own, pooled in windows] for windows in found]


def test_latents_are_the_largest_activation_of_any_token(encoder, encoded, states):
    for row, hidden in enumerate(states[0]):
        codes = encoder.sae.encode(hidden).toarray()
        expected = codes.max(0, initial=0)
        assert np.array_equal(encoded.latents[[row]].toarray()[0], expected)
    assert encoded.latents.dtype == np.float32
    assert encoded.latents.has_canonical_format
    assert (encoded.latents.data > 0).all()


def test_tokens_are_counted_without_special_ones(encoded, states):
    assert encoded.tokens.tolist() == [len(hidden) for hidden in states[0]]
    assert encoded.tokens[6] > 700
    assert encoded.tokens[7] == 0


def test_the_embedding_of_a_long_text_is_the_mean_of_its_windows(encoded, states):
    for row, windows in enumerate(states[1]):
        mean = sum(np.float64(max(1, own)) * vector for vector, own in windows)
        expected = mean / np.linalg.norm(mean)
        np.testing.assert_allclose(encoded.dense[row], expected, atol=1e-6, rtol=0)
    assert len(states[1][6]) > 2


def test_neighbours_do_not_change_a_bit(encoder, encoded, texts):
    some = [6, 7, 2]
    found = encoder.encode([texts[n] for n in some])
    assert np.array_equal(found.dense, encoded.dense[some])
    assert (found.latents != encoded.latents[some]).nnz == 0


def test_embeddings_are_those_of_sentence_transformers(encoder):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(encoder.reader.checkpoint.folder), device="cpu")
    wanted = model.encode(SENTENCES, normalize_embeddings=True, show_progress_bar=False)
    np.testing.assert_allclose(encoder.encode(SENTENCES).dense, wanted, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def coarse(tiny_sae):
    """The same encoder with a reader that computes in bfloat16."""
    return TextEncoder(Reader.load(layer=4, precision="bfloat16"), tiny_sae)


def test_embeddings_in_bfloat16_are_close_to_those_in_float32(encoder, coarse, demo_texts):
    exact, near = (one.encode(demo_texts[::7]).dense for one in (encoder, coarse))
    assert np.einsum("nd,nd->n", exact, near).min() > 0.9995


def test_neighbours_do_not_change_a_bit_in_bfloat16_either(coarse, demo_texts):
    whole = coarse.encode(demo_texts[:60])
    some = [3, 17, 41]
    found = coarse.encode([demo_texts[n] for n in some])
    assert np.array_equal(found.dense, whole.dense[some])
    assert (found.latents != whole.latents[some]).nnz == 0


def test_a_query_that_was_read_is_remembered(encoder):
    assert encoder.encode_query("the very same words") is encoder.encode_query(
        "the very same words"
    )


def test_a_query_is_encoded_like_a_document(encoder, encoded, texts):
    for row in (0, 7):
        query = encoder.encode_query(texts[row])
        np.testing.assert_allclose(query.dense[0], encoded.dense[row], atol=1e-5, rtol=0)
        np.testing.assert_allclose(
            query.latents.toarray()[0], encoded.latents[[row]].toarray()[0], atol=1e-4, rtol=0
        )
        assert query.tokens[0] == encoded.tokens[row]


def test_nothing_of_a_long_query_is_left_out(encoder, encoded, texts):
    query = encoder.encode_query(texts[6])
    assert np.array_equal(query.dense[0], encoded.dense[6])
    assert (query.latents != encoded.latents[[6]]).nnz == 0


def test_no_texts(encoder):
    nothing = encoder.encode([])
    assert nothing.dense.shape == (0, 384)
    assert nothing.latents.shape == (0, 64)
    assert len(nothing.tokens) == 0
    assert encoder.spans([], [1, 2]) == []


def test_hidden_states_are_shown_batch_by_batch(encoder, encoded, states, texts):
    seen = []
    encoder.encode(texts, seen.append)
    assert max(len(hidden) for hidden in seen) <= TOKENS_PER_BATCH
    assert sum(len(hidden) for hidden in seen) == encoded.tokens.sum()


def test_spans_say_where_a_latent_is_active_and_how_strongly(encoder, states, texts):
    latents = [3, 40, 17, 3]
    tokens = encoder.reader.tokenize(texts)
    found = encoder.spans(texts, latents)
    for hidden, text_tokens, per_latent in zip(states[0], tokens, found, strict=True):
        codes = encoder.sae.encode(hidden).toarray()[:, latents]
        for column, spans in enumerate(per_latent):
            assert [s.start for s in spans] == sorted(s.start for s in spans)
            inside = np.zeros(len(codes), np.float32)
            for span in spans:
                within = [
                    span.start <= start and stop <= span.stop for start, stop in text_tokens.offsets
                ]
                inside[within] = span.activation
                assert span.activation == codes[within, column].max()
            assert np.array_equal(inside > 0, codes[:, column] > 0)
    assert sum(len(spans) for per_latent in found for spans in per_latent) > 20


def test_spans_are_characters_of_the_text(encoder):
    text = "Zoë’s café 😀 opens — at nine!"
    (tokens,) = encoder.reader.tokenize([text])
    (per_latent,) = encoder.spans([text], list(range(64)))
    assert {s.start for spans in per_latent for s in spans} <= {a for a, _ in tokens.offsets}
    pieces = {text[s.start : s.stop] for spans in per_latent for s in spans}
    assert pieces
    assert all(piece == piece.strip() for piece in pieces)


def test_a_span_goes_on_across_windows(reader, tiny_sae, texts):
    bias = torch.zeros(64)
    bias[5] = 1000.0
    always = SparseAutoencoder(tiny_sae.config, replace(tiny_sae.weights, b_enc=bias))
    text = texts[6]
    (((span,),),) = TextEncoder(reader, always).spans([text], [5])
    assert text[span.start : span.stop] == text.strip()


def test_an_sae_of_another_width_is_refused(reader):
    weights = Weights(*(torch.zeros(s) for s in ((4, 8), (4,), (4, 8), (8,), (0,))))
    other = SparseAutoencoder(SAEConfig(8, 4, "relu", None), weights)
    with pytest.raises(SAEError, match="vectors of dimension 8, but all-MiniLM-L6-v2 has 384"):
        TextEncoder(reader, other)


def test_the_description_names_reader_and_sae(encoder):
    assert encoder.describe() == {
        **encoder.reader.describe(),
        "sae_sha256": encoder.sae.weights_sha256,
        "d_sae": 64,
        "latent_pooling": "max",
    }
