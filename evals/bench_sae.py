"""SAEs to measure speed with: any size, made in a moment, as sparse as trained ones."""

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from glassdex.sae.activation import BUILDERS
from glassdex.sae.autoencoder import SparseAutoencoder, Weights
from glassdex.sae.catalogue import Catalogue, write_catalogue
from glassdex.sae.config import SAEConfig
from glassdex.sae.folder import save
from glassdex.sae.reader import Reader

K = 32
"""Latents that are active in a token, on average."""

_SAMPLE = 1024


def hidden_states(reader: Reader, texts: list[str]) -> NDArray[np.float32]:
    """(n_tokens, width) float32 states of all tokens of the texts, in no order of theirs."""
    return np.concatenate([batch.hidden for batch in reader.read(reader.tokenize(texts))])


def random_sae(reader: Reader, hidden: NDArray[np.float32], d_sae: int) -> SparseAutoencoder:
    """An SAE of random directions whose threshold leaves K latents of a token active.

    reader: what it reads. hidden: (n, width) float32 states that set scale, pre-bias and
    threshold.
    """
    generator = np.random.default_rng(0)
    directions = generator.standard_normal((d_sae, reader.width), dtype=np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    sample = generator.permutation(hidden)[:_SAMPLE]
    scale = math.sqrt(reader.width / float(np.square(sample).sum(1).mean()))
    centre = sample.mean(0) * np.float32(scale)
    pre = (sample * np.float32(scale) - centre) @ directions.T
    wanted = K * len(sample)
    threshold = max(0.0, float(np.partition(pre, -wanted, axis=None)[-wanted]))
    rows = torch.from_numpy(directions)
    weights = Weights(
        rows, torch.zeros(d_sae), rows, torch.from_numpy(centre), torch.tensor([threshold])
    )
    config = SAEConfig(reader.width, d_sae, "batchtopk", K, scale=scale, reader=reader.describe())
    return SparseAutoencoder(config, weights)


def write_random_sae(folder: Path, sae: SparseAutoencoder) -> None:
    """Write an SAE folder of which nothing is known: no statistics, no labels."""
    save(folder, sae, "float32")
    zeros = np.zeros(sae.config.d_sae, np.float32)
    vectors = np.zeros((sae.config.d_sae, sae.config.d_in), np.float32)
    write_catalogue(folder, Catalogue(zeros, zeros, zeros, [()] * sae.config.d_sae, vectors))


def dense_encode_max(
    sae: SparseAutoencoder,
    hidden: NDArray[np.float32],
    segment: NDArray[np.int64],
    n_segments: int,
) -> torch.Tensor:
    """`SparseAutoencoder.encode_max` in the plain way: every product in float32, all kept.

    Returns (n_segments, d_sae) float32, dense.
    """
    config, weights = sae.config, sae.weights
    activation = BUILDERS[config.activation](config.k or 0, weights.threshold, 0.0)
    centred = torch.from_numpy(hidden) * config.scale - weights.b_dec
    pre = torch.addmm(weights.b_enc, centred, weights.w_enc.T)
    codes = torch.where(activation.active(pre), pre, 0.0)
    rows = torch.from_numpy(segment)[:, None].expand_as(codes)
    return torch.zeros(n_segments, config.d_sae).scatter_reduce_(0, rows, codes, "amax")
