"""A property bank in the vectors of one SAE: what sets each property's positive texts apart.

A property becomes two directions: the mean embedding of its positives less that of all texts of
the bank, and the same over max-pooled latents, each in units of its spread over the bank. With
the embeddings of the properties' wordings, that is all that is needed to say what a property in
other words looks like (see `glassdex.search.property`).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from glassdex.errors import SAEError
from glassdex.sae.encoder import TextEncoder
from glassdex.sae.files import read_metadata, read_tensors, write_tensors
from glassdex.sae.fingerprint import Fingerprint
from glassdex.sae.properties import Property

Floats = npt.NDArray[np.float32]
Rows: TypeAlias = sparse.csr_array[Any]

FILE = "properties.safetensors"
HEADER = "glassdex.properties"

KEPT = 256
"""Latents of a property that are kept, the strongest."""

FLOOR = 0.1
"""Least spread that a latent is measured in, as a share of its 90th percentile: what is active in
hardly any text would otherwise count more than everything else together."""

_BLOCK = 100
"""Properties encoded at once."""


@dataclass(frozen=True, slots=True)
class EncodedBank:
    """n properties with m wordings in all.

    names, groups: (n,) of the properties.
    wordings: (m, width) float32, unit length, the embedding of each wording.
    owners: (m,) the property of each, ascending.
    dense: (n, width) float32.
    latents: (n, d_sae) float32 CSR, weights per unit of activation / scale.
    """

    names: Sequence[str]
    groups: Sequence[str]
    wordings: Floats
    owners: npt.NDArray[np.int64]
    dense: Floats
    latents: Rows

    def __len__(self) -> int:
        return len(self.names)


def encode_bank(
    encoder: TextEncoder,
    scale: Floats,
    properties: Sequence[Property],
    on_progress: Callable[[int], None] | None = None,
) -> EncodedBank:
    """Read all texts of a bank.

    Args:
        encoder: reader and SAE.
        scale: (d_sae,) what activations are divided by.
        properties: at least one.
        on_progress: told after each block how many properties were read.
    """
    wordings, dense, latents, totals = [], [], [], _Totals(encoder)
    for low in range(0, len(properties), _BLOCK):
        block = properties[low : low + _BLOCK]
        wordings.append(encoder.encode([w for one in block for w in one.wordings]).dense)
        read = encoder.encode([text for one in block for text in one.texts])
        codes = sparse.csr_array(read.latents @ sparse.diags_array(1 / scale))
        totals.add(read.dense, codes)
        average = _averages(block)
        dense.append(average @ read.dense)
        latents.append(sparse.csr_array(average @ codes))
        if on_progress:
            on_progress(len(block))
    return EncodedBank(
        names=[one.name for one in properties],
        groups=[one.group for one in properties],
        wordings=np.concatenate(wordings),
        owners=np.repeat(np.arange(len(properties)), [len(one.wordings) for one in properties]),
        dense=(np.concatenate(dense) - totals.dense_mean).astype(np.float32),
        latents=sparse.vstack([totals.set_apart(rows) for rows in latents], format="csr"),
    )


class _Totals:
    """Means and spreads over all texts."""

    def __init__(self, encoder: TextEncoder) -> None:
        d_sae = encoder.sae.config.d_sae
        self._n, self._dense = 0, np.zeros(encoder.reader.width)
        self._sum, self._squares = np.zeros(d_sae), np.zeros(d_sae)

    def add(self, dense: Floats, codes: Rows) -> None:
        self._n += len(dense)
        self._dense += dense.sum(0, dtype=np.float64)
        self._sum += codes.sum(axis=0)
        self._squares += codes.power(2).sum(axis=0)

    @property
    def dense_mean(self) -> npt.NDArray[np.float64]:
        return self._dense / self._n

    def set_apart(self, means: Rows) -> Rows:
        """(n, d_sae) means of some texts against all, in units of spread; the strongest KEPT."""
        mean = self._sum / self._n
        spread = np.sqrt(np.maximum(self._squares / self._n - mean**2, 0))
        weights = (means.toarray() - mean) / np.maximum(spread, FLOOR)
        if weights.shape[1] > KEPT:
            weak = np.argsort(-np.abs(weights), axis=1, kind="stable")[:, KEPT:]
            np.put_along_axis(weights, weak, 0, axis=1)
        return sparse.csr_array(weights.astype(np.float32))


def _averages(block: Sequence[Property]) -> Rows:
    """(n, texts) that takes the mean of each property's positives."""
    sizes = np.array([len(one.texts) for one in block])
    starts = sizes.cumsum() - sizes
    positives = [len(one.positives) for one in block]
    columns = [start + np.arange(n) for start, n in zip(starts, positives, strict=True)]
    rows = np.repeat(np.arange(len(block)), positives)
    values = np.repeat(1 / np.array(positives), positives)
    shape = (len(block), int(sizes.sum()))
    return sparse.csr_array((values, (rows, np.concatenate(columns))), shape)


def write_bank(folder: Path, bank: EncodedBank, encoder: TextEncoder) -> None:
    """Write `properties.safetensors`; vectors are kept in half precision."""
    header = {
        "encoder": Fingerprint(encoder.describe()).digest,
        "names": list(bank.names),
        "groups": list(bank.groups),
        "wordings": len(bank.wordings),
        "latents": int(bank.latents.nnz),
    }
    tensors: dict[str, npt.NDArray[Any]] = {
        "wordings": bank.wordings.astype(np.float16),
        "owners": bank.owners.astype(np.int32),
        "dense": bank.dense.astype(np.float16),
        "latents.values": bank.latents.data.astype(np.float16),
        "latents.indices": bank.latents.indices.astype(np.int32),
        "latents.starts": bank.latents.indptr.astype(np.int32),
    }
    write_tensors(folder / FILE, tensors, {HEADER: json.dumps(header, ensure_ascii=False)})


def read_bank(folder: Path, encoder: TextEncoder) -> EncodedBank | None:
    """Read `properties.safetensors`; None if the folder has none that was made with this encoder.

    Raises SAEError when the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    width, d_sae = encoder.reader.width, encoder.sae.config.d_sae
    try:
        header = json.loads(read_metadata(path)[HEADER])
        names, groups = list(header["names"]), list(header["groups"])
        m, nnz, n = int(header["wordings"]), int(header["latents"]), len(names)
        made_by = header["encoder"]
    except (KeyError, ValueError, TypeError) as error:
        raise SAEError(
            f"{path} is not an encoded property bank ({error!r}): remove it and run "
            "`glassdex label` on the SAE to write it again"
        ) from error
    if made_by != Fingerprint(encoder.describe()).digest:
        return None
    shapes = {
        "wordings": (m, width),
        "owners": (m,),
        "dense": (n, width),
        "latents.values": (nnz,),
        "latents.indices": (nnz,),
        "latents.starts": (n + 1,),
    }
    read = read_tensors(path, shapes, ("F16", "I32"))
    indices, starts = (read[f"latents.{part}"] for part in ("indices", "starts"))
    owners = read["owners"].astype(np.int64)
    if nnz and not (indices.min() >= 0 and indices.max() < d_sae):
        raise SAEError(f"{path} names a latent that this SAE of {d_sae} latents does not have")
    if starts[0] != 0 or starts[-1] != nnz or (np.diff(starts) < 0).any() or owners.max() >= n:
        raise SAEError(f"{path} is damaged: its rows do not add up; copy the file again")
    values = read["latents.values"].astype(np.float32)
    return EncodedBank(
        names=names,
        groups=groups,
        wordings=read["wordings"].astype(np.float32),
        owners=owners,
        dense=read["dense"].astype(np.float32),
        latents=sparse.csr_array((values, indices, starts), shape=(n, d_sae)),
    )
