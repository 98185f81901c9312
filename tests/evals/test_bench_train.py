"""The rows of the training bench, and what it trains on."""

import numpy as np

from glassdex.evals.bench_train import AUTOGRAD, OURS, PRODUCT, bench_train, enlarged
from glassdex.evals.peers import TRAINERS


def test_a_row_for_each_dictionary_with_and_without_dead_latents(bench_setup):
    rows = bench_train(bench_setup)
    names = [PRODUCT, AUTOGRAD, *(peer.name for peer, _ in TRAINERS if peer.usable)]
    seen = [row.case.split(" / ") for row in rows]
    assert [name for _, name in seen] == names * 4
    cases = list(dict.fromkeys(case.rsplit(", ", 1)[0] for case, _ in seen))
    assert cases == [
        "d_sae 64, batch 32",
        "d_sae 64, batch 32, 9% dead",
        "d_sae 128, batch 32",
        "d_sae 128, batch 32, 9% dead",
    ]
    assert all(row.ratio == row.value / row.reference for row in rows)
    assert OURS not in names


def test_hidden_states_are_repeated_with_noise_where_there_are_too_few():
    states = np.random.default_rng(1).standard_normal((10, 4), dtype=np.float32)
    large = enlarged(states, 25)
    assert large.shape == (25, 4)
    assert len(np.unique(large, axis=0)) == 25
    rows = {row.tobytes() for row in states}
    assert [row.tobytes() in rows for row in large] == [True] * 10 + [False] * 15
    np.testing.assert_array_equal(enlarged(states, 25), large)


def test_fewer_are_not_changed():
    states = np.arange(20, dtype=np.float32).reshape(10, 2)
    some = enlarged(states, 4)
    assert {row.tobytes() for row in some} < {row.tobytes() for row in states}
