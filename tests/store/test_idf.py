import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassdex.store.idf import inverse_document_frequency, recovered, significant


def test_by_hand():
    assert inverse_document_frequency(10, 2) == pytest.approx(np.log(1 + 8.5 / 2.5))
    assert inverse_document_frequency(1, 1) == pytest.approx(np.log(4 / 3))
    assert significant(0.00123456789) == 0.00123457
    assert significant(0.0) == 0.0


@given(points=st.integers(1, 10**6), share=st.floats(0, 0.1), value=st.floats(0.0625, 64, width=32))
def test_single_precision_does_not_show(points, share, value):
    containing = max(1, int(points * share))
    exact = inverse_document_frequency(points, containing)
    measured = float(np.float32(np.float32(value) * np.float32(exact))) / value
    assert recovered(measured, points) == significant(exact)


def test_a_factor_of_another_population_stands():
    per_shard = inverse_document_frequency(512, 30)
    assert recovered(per_shard, 1_000_000) == pytest.approx(per_shard, rel=1e-6)
