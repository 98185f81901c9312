import pytest
import torch

from glassdex.sae.loss import (
    dead_selection,
    l1_penalty,
    nested_reconstructions,
    normalised_mse,
    reconstruction_loss,
)
from glassdex.sae.selection import Selection


def test_normalised_mse_by_hand():
    target = torch.tensor([[0.0, 0.0], [2.0, 4.0]])  # mean (1, 2): baseline 2 * (1 + 4) = 10
    assert float(normalised_mse(torch.tensor([[1.0, 0.0], [2.0, 2.0]]), target)) == 0.5
    assert float(normalised_mse(target, target)) == 0
    assert float(normalised_mse(target.mean(0).expand(2, -1), target)) == 1


def test_normalised_mse_of_a_constant_batch_is_finite_when_it_is_met():
    constant = torch.ones(3, 2)
    assert float(normalised_mse(constant, constant)) == 0


def test_each_prefix_reconstructs_from_its_first_latents():
    codes = torch.tensor([[1.0, 0.0, 2.0, 3.0], [0.0, 4.0, 0.0, 0.0]])
    w_dec, b_dec = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.ones(3)
    at = Selection.from_mask(codes > 0)
    values = codes[codes > 0]
    found = nested_reconstructions(values, at, w_dec, b_dec, (1, 3, 4))
    for prefix, one in zip((1, 3, 4), found, strict=True):
        torch.testing.assert_close(one, codes[:, :prefix] @ w_dec[:prefix] + b_dec)
    (whole,) = nested_reconstructions(values, at, w_dec, b_dec, (4,))
    torch.testing.assert_close(whole, found[-1])


def test_matryoshka_loss_is_the_mean_of_the_prefixes():
    target = torch.tensor([[0.0, 0.0], [2.0, 4.0]])
    mean = target.mean(0).expand(2, -1)
    assert float(reconstruction_loss([mean, target], target)) == 0.5


def test_dead_selection_takes_the_largest_positive_of_the_dead_only():
    pre = torch.tensor([[9.0, 1.0, 3.0, 2.0], [9.0, -1.0, -2.0, 5.0]])
    at = dead_selection(pre, torch.tensor([1, 2, 3]), k=2)
    assert list(zip(at.rows.tolist(), at.latents.tolist(), strict=True)) == [(0, 2), (0, 3), (1, 3)]


def test_l1_penalty_is_as_if_inputs_had_norm_one():
    assert float(l1_penalty(torch.tensor([2.0, 6.0]), n_rows=2, d_in=4)) == pytest.approx(2.0)
