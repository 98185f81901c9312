import pytest
import torch

from glassdex.sae.activation import BatchTopK, JumpReLU, ReLU, TopK


def test_topk_keeps_the_k_largest_positive_values():
    pre = torch.tensor([[3.0, -1.0, 5.0, 4.0], [-1.0, -2.0, 2.0, -3.0]])
    assert TopK(2).active(pre).tolist() == [
        [False, False, True, True],
        [False, False, True, False],
    ]


def test_topk_breaks_ties_by_the_lower_latent():
    pre = torch.tensor([[1.0, 2.0, 2.0, 2.0], [7.0, 7.0, 7.0, 7.0], [0.0, 0.0, 0.0, 0.0]])
    assert TopK(2).active(pre).tolist() == [
        [False, True, True, False],
        [True, True, False, False],
        [False, False, False, False],
    ]


def test_topk_agrees_with_torch_topk_without_ties():
    pre = torch.randn(50, 40, generator=torch.Generator().manual_seed(0)) + 3
    expected = torch.zeros_like(pre).scatter_(1, pre.topk(7).indices, 1.0).bool()
    assert torch.equal(TopK(7).active(pre), expected)


def test_batchtopk_shares_k_per_row_over_the_batch():
    pre = torch.tensor([[9.0, 8.0, 7.0], [1.0, 2.0, 0.5]])
    mask = BatchTopK(2, torch.zeros(1)).training_mask(pre)
    assert mask.tolist() == [[True, True, True], [False, True, False]]


@pytest.mark.parametrize(
    ("pre", "expected"),
    [
        ([[1.0, 1.0], [1.0, 2.0]], [[True, False], [False, True]]),
        ([[1.0, 1.0], [1.0, 1.0]], [[True, True], [False, False]]),
        ([[-1.0, -1.0], [3.0, -1.0]], [[False, False], [True, False]]),
        ([[0.0, 0.0], [0.0, 0.0]], [[False, False], [False, False]]),
    ],
)
def test_batchtopk_ties_and_too_few_positive_values(pre, expected):
    assert BatchTopK(1, torch.zeros(1)).training_mask(torch.tensor(pre)).tolist() == expected


def test_batchtopk_at_inference_is_a_threshold_on_each_row():
    pre = torch.tensor([[0.4, 0.5, 0.6]])
    assert BatchTopK(1, torch.tensor([0.5])).active(pre).tolist() == [[False, False, True]]


def test_relu_keeps_positive_values():
    pre = torch.tensor([[-1.0, 0.0, 1e-9]])
    assert ReLU().active(pre).tolist() == [[False, False, True]]


def test_jumprelu_is_strict_at_its_threshold_and_keeps_the_whole_value():
    jump = JumpReLU(torch.tensor([0.5, 1.0, 2.0]), bandwidth=0.1)
    pre = torch.tensor([[0.5, 1.25, 1.0]])
    assert jump.active(pre).tolist() == [[False, True, False]]
    assert jump.values(pre[0], torch.arange(3)).tolist() == [0.0, 1.25, 0.0]
    assert jump.steps(pre[0], torch.arange(3)).tolist() == [0.0, 1.0, 0.0]


def test_jumprelu_pseudo_derivatives():
    """Equations of 2407.14435: -theta/eps K for the value, -1/eps K for the step."""
    threshold = torch.tensor([0.5, 1.0, 2.0, 0.2], requires_grad=True)
    pre = torch.tensor([0.52, 1.5, 1.97, -3.0], requires_grad=True)
    jump = JumpReLU(threshold, bandwidth=0.1)
    latents, upstream = torch.arange(4), torch.tensor([1.0, 2.0, 3.0, 4.0])
    (jump.values(pre, latents) * upstream).sum().backward()
    assert pre.grad.tolist() == [1.0, 2.0, 0.0, 0.0]
    expected = [-0.5 / 0.1 * 1.0, 0.0, -2.0 / 0.1 * 3.0, 0.0]
    assert threshold.grad.tolist() == pytest.approx(expected)
    threshold.grad = None
    (jump.steps(pre.detach(), latents) * upstream).sum().backward()
    assert threshold.grad.tolist() == pytest.approx([-10.0, 0.0, -30.0, 0.0])


def test_jumprelu_training_mask_adds_the_entries_just_below():
    jump = JumpReLU(torch.tensor([1.0]), bandwidth=0.2)
    pre = torch.tensor([[0.89], [0.91], [1.0], [1.1]])
    assert jump.training_mask(pre).flatten().tolist() == [False, True, True, True]
