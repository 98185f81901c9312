"""Why a document is where it is: each source, each latent, and the text behind them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from glassdex.sae.catalogue import Catalogue
from glassdex.sae.encoder import TextEncoder
from glassdex.search.plan import Plan
from glassdex.search.ranking import Ranked
from glassdex.search.result import Evidence, Hit, LatentContribution, SourceScore

SHOWN = 8
"""Latents of a hit whose spans are looked up: those that add most."""


def explain(plan: Plan, ranked: Ranked, catalogue: Catalogue) -> list[Hit]:
    """Hits whose score is the sum of what is shown."""
    return [
        Hit(
            id=record.id,
            score=float(ranked.scores[row]),
            payload=record.payload,
            sources={
                source: SourceScore(
                    score=float(own[row]),
                    rank=ranked.ranks[source].get(record.id),
                    contribution=float(plan.shares[source] * own[row]),
                )
                for source, own in ranked.by_source.items()
            },
            latents=_contributions(plan, ranked, row, catalogue),
        )
        for row, record in enumerate(ranked.records)
    ]


def _contributions(
    plan: Plan, ranked: Ranked, row: int, catalogue: Catalogue
) -> list[LatentContribution]:
    """Weighted latents that are active in the document, largest contribution first."""
    if "property" not in plan.shares:
        return []
    matrix = ranked.vectors.latents
    entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
    latents, activations = matrix.indices[entries], matrix.data[entries]
    parts = plan.shares["property"] * plan.latents[latents] * activations
    order = np.argsort(-np.abs(parts), kind="stable")
    return [
        LatentContribution(
            int(latents[i]), catalogue.name(int(latents[i])), float(activations[i]), float(parts[i])
        )
        for i in order.tolist()
        if parts[i] != 0
    ]


def with_spans(encoder: TextEncoder, hits: Sequence[Hit]) -> list[Hit]:
    """Add the characters where each hit's strongest latents are active, by position.

    Hits are read again, all latents at once; nothing of this is stored in the index.
    """
    wanted = sorted({c.id for hit in hits for c in hit.latents[:SHOWN]})
    if not wanted:
        return list(hits)
    found = encoder.spans([hit.payload["text"] for hit in hits], wanted)
    column = {latent: n for n, latent in enumerate(wanted)}
    return [
        replace(
            hit,
            spans=sorted(
                (
                    Evidence(span.start, span.stop, c.id, span.activation)
                    for c in hit.latents[:SHOWN]
                    for span in found[row][column[c.id]]
                ),
                key=lambda s: (s.start, s.end, s.latent),
            ),
        )
        for row, hit in enumerate(hits)
    ]
