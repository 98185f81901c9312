import numpy as np
import pytest

from glassdex.sae.rounding import round_rows

RATIOS = {"int8": 1 / 127, "bfloat16": 2**-8, "float32": 0.0}


@pytest.mark.parametrize("precision", RATIOS)
@pytest.mark.parametrize("size", [1e-20, 1e-3, 1.0, 1e6])
def test_what_a_row_lost_is_bounded(precision, size):
    rows = np.random.default_rng(0).standard_t(3, (50, 33)).astype(np.float32) * np.float32(size)
    rows[7] = 0
    rounded = round_rows(rows, precision)
    near = rounded.codes.float().numpy().astype(np.float64) * rounded.unit[:, None]
    lost = np.linalg.norm(rows - near, axis=1)
    assert (lost <= rounded.lost).all()
    assert (np.linalg.norm(near, axis=1) <= rounded.size).all()
    assert (np.abs(rows - near) <= RATIOS[precision] * np.abs(rows).max(1, keepdims=True)).all()
    assert (rounded.lost <= lost * 1.001 + 1e-15).all()
