"""Indexing: a file into an empty index, beside the bare forward pass over the same texts and
beside sentence-transformers, which only encodes them."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from glassdex.evals.bench import BenchRow, BenchSetup, Target, compared, race, timed
from glassdex.evals.bench_encode import FORWARD, readings, speeds_of
from glassdex.evals.bench_sae import hidden_states, random_sae, write_random_sae
from glassdex.evals.peers import SENTENCE_TRANSFORMERS
from glassdex.indexer.index import Index
from glassdex.indexer.run import index_documents
from glassdex.sae.bundle import folder_of, load_encoder
from glassdex.sae.precision import native_bfloat16, quickest
from glassdex.sae.reader import Reader

_TARGETS = {(FORWARD, 4096): Target(0.8), (FORWARD, 16_384): Target(0.55)}
_FASTER = {True: Target(2.2), False: Target(1.1)}
"""Than sentence-transformers in float32, whatever the SAE: reading in bfloat16, or not."""

_SAMPLE = 50
"""Texts that set a random SAE's threshold."""


def bench_index(setup: BenchSetup) -> list[BenchRow]:
    """Tokens a second, from the file to the last flush."""
    encoder = load_encoder(folder_of(setup.sae))
    texts = setup.corpus.texts(setup.size.indexed)
    d_sae, _ = setup.size.dictionaries[-1]
    own = f"d_sae {encoder.sae.config.d_sae} {Path(setup.sae).name}"
    sizes = {own: encoder.sae.config.d_sae, f"d_sae {d_sae} random": d_sae}
    with TemporaryDirectory(prefix="sae-", dir=setup.settings.home) as folder:
        hidden = hidden_states(encoder.reader, texts[:_SAMPLE])
        write_random_sae(Path(folder), random_sae(encoder.reader, hidden, d_sae))
        saes = dict(zip(sizes, (setup.sae, folder), strict=True))
        speeds = _speeds(setup, encoder.reader, texts, saes)
    rows = []
    for name, latents in sizes.items():
        references = [
            (other, speed, _target(other, latents))
            for other, speed in speeds.items()
            if other not in sizes
        ]
        case = f"{name}, {quickest()} screen, end to end"
        rows += compared("index", case, speeds[name], "tokens/s", references)
    return rows


def _target(reference: str, d_sae: int) -> Target | None:
    if reference == SENTENCE_TRANSFORMERS.name:
        return _FASTER[native_bfloat16()]
    return _TARGETS.get((reference, d_sae))


def _speeds(
    setup: BenchSetup, reader: Reader, texts: list[str], saes: Mapping[str, str]
) -> dict[str, float]:
    setup.say(f"indexing {len(texts):,} documents")
    runners = readings(reader, texts)
    for name, sae in saes.items():
        runners[name] = partial(_index, setup, sae)
    return speeds_of(race(runners, setup.size.rounds), reader, reader.tokenize(texts))


def _index(setup: BenchSetup, sae: str) -> float:
    """Seconds to fill an index that is thrown away."""
    with TemporaryDirectory(prefix="index-", dir=setup.settings.home) as folder:
        settings = setup.settings.model_copy(update={"home": Path(folder)})
        documents = setup.corpus.documents(setup.size.indexed)
        with Index.open_or_create(settings, "bench", sae=sae) as index:
            return timed(lambda: index_documents(index, documents))()
