"""Encoding: texts to vectors, beside the bare forward pass that it contains and beside
sentence-transformers; and the SAE alone, beside the same in dense torch."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tokenizers import Encoding

from glassdex.evals.bench import BenchRow, BenchSetup, Timed, compared, race, timed, timed_wide
from glassdex.evals.bench_sae import dense_encode_max, random_sae
from glassdex.evals.peers import SENTENCE_TRANSFORMERS, sentence_transformer
from glassdex.sae.autoencoder import SparseAutoencoder
from glassdex.sae.bundle import folder_of, load_encoder
from glassdex.sae.encoder import TextEncoder
from glassdex.sae.precision import quickest
from glassdex.sae.reader import ReadBatch, Reader
from glassdex.sae.workers import ordered_map

FORWARD = "forward pass"
"""Our own reader alone: tokens in, hidden states and embeddings out."""

_WARM = 32
_TOKENS = 16_384
"""Hidden states that the SAEs alone are measured on."""


def bench_encode(setup: BenchSetup) -> list[BenchRow]:
    """Tokens a second."""
    encoder = load_encoder(folder_of(setup.sae))
    reader = encoder.reader
    texts = setup.corpus.texts(setup.size.encoded)
    batches = list(reader.read(_prefix(reader.tokenize(texts))))
    hidden = np.concatenate([batch.hidden for batch in batches])
    saes = {f"d_sae {encoder.sae.config.d_sae} {Path(setup.sae).name}": encoder.sae}
    for d_sae, _ in setup.size.dictionaries:
        saes[f"d_sae {d_sae} random"] = random_sae(reader, hidden, d_sae)
    named = {f"{name}, {quickest()} screen": sae for name, sae in saes.items()}
    rows = _end_to_end(setup, reader, named, texts)
    for name, sae in named.items():
        rows += _sae_alone(setup, name, sae, batches)
    return rows


def _end_to_end(
    setup: BenchSetup, reader: Reader, saes: Mapping[str, SparseAutoencoder], texts: list[str]
) -> list[BenchRow]:
    setup.say(f"encoding {len(texts):,} texts")
    runners = readings(reader, texts)
    for name, sae in saes.items():
        encode = TextEncoder(reader, sae).encode
        encode(texts[:_WARM])
        runners[name] = timed(partial(encode, texts))
    tokens = reader.tokenize(texts)
    speeds = speeds_of(race(runners, setup.size.rounds), reader, tokens)
    references = [(name, speeds[name], None) for name in runners if name not in saes]
    return [
        row
        for name in saes
        for row in compared("encode", f"{name}, end to end", speeds[name], "tokens/s", references)
    ]


def _sae_alone(
    setup: BenchSetup,
    name: str,
    sae: SparseAutoencoder,
    batches: Sequence[ReadBatch],
) -> list[BenchRow]:
    """Hidden states to pooled codes, batch by batch on all threads as when encoding."""
    setup.say(f"{name}, alone")
    tokens = sum(len(batch.hidden) for batch in batches)

    def over_batches(encode: Callable[..., object]) -> Timed:
        def one(batch: ReadBatch) -> object:
            return encode(batch.hidden, batch.window, len(batch.windows))

        one(batches[0])
        return timed(lambda: [None for _ in ordered_map(one, batches)])

    ours, dense = "ours", "dense torch"
    runners = {
        ours: over_batches(sae.encode_max),
        dense: over_batches(partial(dense_encode_max, sae)),
    }
    best = race(runners, setup.size.rounds)
    references = [(dense, tokens / best[dense], None)]
    return compared("encode", f"{name}, SAE alone", tokens / best[ours], "tokens/s", references)


def readings(reader: Reader, texts: Sequence[str]) -> dict[str, Timed]:
    """What encoding is measured against: the forward pass, and sentence-transformers if it is
    there; both have run once already."""
    tokens = reader.tokenize(texts)

    def forward(tokens: Sequence[Encoding]) -> None:
        for _ in reader.read(tokens):
            pass

    forward(tokens[:_WARM])
    runners = {FORWARD: timed(partial(forward, tokens))}
    if SENTENCE_TRANSFORMERS.usable:
        encode = sentence_transformer(reader.checkpoint)
        encode(texts[:_WARM])
        runners[SENTENCE_TRANSFORMERS.name] = timed_wide(partial(encode, texts))
    return runners


def speeds_of(
    best: Mapping[str, float], reader: Reader, tokens: Sequence[Encoding]
) -> dict[str, float]:
    """Tokens a second from seconds; sentence-transformers reads no more than a text's first
    window."""
    lengths = np.array([len(encoding.ids) for encoding in tokens])
    read = dict.fromkeys(best, int(lengths.sum()))
    if SENTENCE_TRANSFORMERS.name in read:
        read[SENTENCE_TRANSFORMERS.name] = int(np.minimum(lengths, reader.window).sum())
    return {name: read[name] / seconds for name, seconds in best.items()}


def _prefix(tokens: Sequence[Encoding]) -> Sequence[Encoding]:
    """As many texts as have about _TOKENS tokens."""
    ends = np.cumsum([len(encoding.ids) for encoding in tokens])
    return tokens[: int(np.searchsorted(ends, _TOKENS)) + 1]
