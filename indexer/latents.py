"""The catalogue of latents as points of a store, so that labels can be found by meaning."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from uuid import uuid5

import numpy as np

from glassdex.indexer.document import NAMESPACE
from glassdex.sae.catalogue import Catalogue
from glassdex.store.protocol import Store
from glassdex.store.types import Point

MEANING = "meaning"
"""Name of a latent's dense vector."""

_BATCH = 1000


def latent_point_id(latent: int) -> str:
    """UUIDv5 of a latent's number."""
    return str(uuid5(NAMESPACE, f"latent\x1f{latent}"))


@lru_cache(maxsize=2)
def latent_numbers(d_sae: int) -> Mapping[str, int]:
    """The number of each latent, by its point's id."""
    return {latent_point_id(latent): latent for latent in range(d_sae)}


def fill_latents(store: Store, catalogue: Catalogue) -> None:
    """Write the catalogue into its store unless this very one is there whole.

    Its stamp is written last, so that a killed run begins again.
    """
    stamp = _stamp(catalogue)
    if store.metadata().get("stamp") == stamp:
        return
    known = np.flatnonzero(np.linalg.norm(catalogue.vectors, axis=1) > 0)
    for start in range(0, len(known), _BATCH):
        store.upsert([_point(catalogue, n) for n in known[start : start + _BATCH].tolist()])
    store.flush()
    store.set_metadata({"stamp": stamp})


def _stamp(catalogue: Catalogue) -> str:
    """SHA-256 of all that is stored of the latents."""
    digest = hashlib.sha256(repr([catalogue.name(n) for n in range(len(catalogue))]).encode())
    for values in (catalogue.density, catalogue.maximum, catalogue.p90, catalogue.vectors):
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _point(catalogue: Catalogue, latent: int) -> Point:
    payload = {
        "latent": latent,
        "label": catalogue.name(latent),
        "density": float(catalogue.density[latent]),
        "maximum": float(catalogue.maximum[latent]),
        "p90": float(catalogue.p90[latent]),
    }
    return Point(latent_point_id(latent), payload, dense={MEANING: catalogue.vectors[latent]})
