import pytest
import torch

from glassdex.sae import selection
from glassdex.sae.selection import Selection, decode, encode


def random_case(rows=7, d_in=5, d_sae=11, keep=0.3):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(rows, d_in, generator=generator)
    w_enc = torch.randn(d_sae, d_in, generator=generator)
    w_dec = torch.randn(d_sae, d_in, generator=generator)
    b_enc = torch.randn(d_sae, generator=generator)
    mask = torch.rand(rows, d_sae, generator=generator) < keep
    mask[2] = False
    return x, w_enc, b_enc, w_dec, mask


def test_from_mask_lists_entries_row_by_row():
    at = Selection.from_mask(torch.tensor([[False, True, True], [False] * 3, [True, False, True]]))
    assert at.rows.tolist() == [0, 0, 2, 2]
    assert at.latents.tolist() == [1, 2, 0, 2]
    assert at.starts.tolist() == [0, 2, 2]
    assert at.where(at.latents > 1).rows.tolist() == [0, 2]


@pytest.mark.parametrize("dense_share", [0.0, 1.0], ids=["dense", "sparse"])
def test_encode_and_decode_have_the_gradients_of_the_dense_formulas(monkeypatch, dense_share):
    monkeypatch.setattr(selection, "DENSE_SHARE", dense_share)
    x, w_enc, b_enc, w_dec, mask = random_case()
    upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(4))
    leaves = [t.requires_grad_() for t in (x, w_enc, b_enc, w_dec)]

    dense = (x @ w_enc.T + b_enc) * mask @ w_dec
    wanted = torch.autograd.grad((dense * upstream).sum(), leaves)

    at = Selection.from_mask(mask)
    pre = (x @ w_enc.T + b_enc).detach()
    sparse = decode(encode(x, w_enc, b_enc, pre, at), at, w_dec)
    found = torch.autograd.grad((sparse * upstream).sum(), leaves)

    torch.testing.assert_close(sparse, dense)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_nothing_selected_decodes_to_zero_with_zero_gradients():
    x, w_enc, b_enc, w_dec, mask = random_case()
    leaves = [t.requires_grad_() for t in (w_enc, b_enc, w_dec)]
    at = Selection.from_mask(torch.zeros_like(mask))
    decoded = decode(encode(x, w_enc, b_enc, torch.zeros(mask.shape), at), at, w_dec)
    assert not decoded.any()
    assert not any(g.any() for g in torch.autograd.grad(decoded.sum(), leaves))
