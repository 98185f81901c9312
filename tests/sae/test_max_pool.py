import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.sae.max_pool import max_pool
from glassdex.sae.screen import Screen

DOCUMENTS, LATENTS = 6, 7
ROWS = st.lists(
    st.tuples(st.integers(0, DOCUMENTS - 1), st.lists(st.integers(-9, 9), min_size=7, max_size=7)),
    max_size=40,
).map(sorted)


@settings(deadline=None)
@given(rows=ROWS, block=st.integers(1, 40))
def test_equals_a_dictionary_of_maxima_however_the_rows_are_cut(rows, block):
    identity, nothing = np.eye(LATENTS, dtype=np.float32), np.zeros(LATENTS, np.float32)
    threshold = np.arange(LATENTS, dtype=np.float32) / 2
    documents = np.array([document for document, _ in rows], np.int64)
    states = np.array([state for _, state in rows], np.float32).reshape(-1, LATENTS)
    screen = Screen.of(identity, nothing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("glassdex.sae.screen.block_rows", lambda _: block)
        result = max_pool(screen, states, documents, DOCUMENTS, threshold=threshold)
    wanted = np.zeros((DOCUMENTS, LATENTS), np.float32)
    np.maximum.at(wanted, documents, np.where(states > threshold, states, 0))
    assert np.array_equal(result.toarray(), wanted)
    assert result.dtype == np.float32
    assert result.has_canonical_format
    assert result.nnz == np.count_nonzero(wanted)
