"""Describing an SAE: statistics, labels and meanings of its latents, measured on real text."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from glassdex.sae.autolabel import label_latents
from glassdex.sae.catalogue import Catalogue
from glassdex.sae.chunks import in_chunks
from glassdex.sae.encoder import TextEncoder
from glassdex.sae.passages import Passage, TopPassages
from glassdex.sae.statistics import LatentStatistics

PASSAGES = 16
"""Passages kept of each latent: half for its label, half to score the label on."""

MEANING_PASSAGES = 6
"""Strongest passages whose mean embedding stands for the latent's meaning."""

_LATENTS = 256


def describe(
    encoder: TextEncoder,
    texts: Iterable[str],
    *,
    date: str,
    on_progress: Callable[[int], None] | None = None,
) -> Catalogue:
    """Measure every latent on `texts`, read once; `date` (ISO 8601) is written into the labels.

    A latent's vector is the mean dense embedding of its strongest passages, so that latents can
    be found by meaning. `on_progress` is told how many more texts were read.
    """
    statistics = LatentStatistics(encoder.sae.config.d_sae)
    passages = TopPassages(encoder.sae.config.d_sae, PASSAGES)
    for chunk in in_chunks(texts):
        statistics.add(passages.add(encoder, chunk))
        if on_progress is not None:
            on_progress(len(chunk))
    found = passages.all()
    return Catalogue(
        density=statistics.density,
        maximum=statistics.maximum,
        p90=statistics.percentile(0.9),
        labels=label_latents(found, date),
        vectors=meanings(encoder, found),
    )


def meanings(encoder: TextEncoder, passages: Sequence[Sequence[Passage]]) -> NDArray[np.float32]:
    """(d_sae, width) float32: mean embedding of each latent's passages, scaled to unit length;
    zero where there is none."""
    vectors = np.zeros((len(passages), encoder.reader.width), dtype=np.float32)
    for start in range(0, len(passages), _LATENTS):
        several = [group[:MEANING_PASSAGES] for group in passages[start : start + _LATENTS]]
        texts = [p.text for group in several for p in group]
        owner = np.repeat(np.arange(len(several)), [len(group) for group in several])
        if texts:
            np.add.at(vectors, start + owner, encoder.encode(texts).dense)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
