from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.sae.max_pool import MaxPool
from glassdex.sae.screen import Screen

DOCUMENTS, LATENTS = 6, 7
ROWS = st.lists(
    st.tuples(st.integers(0, DOCUMENTS - 1), st.lists(st.integers(-9, 9), min_size=7, max_size=7)),
    max_size=40,
).map(sorted)


@settings(deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 40), max_size=5))
def test_equals_a_dictionary_of_maxima_however_the_rows_are_cut(rows, cuts):
    identity, nothing = np.eye(LATENTS, dtype=np.float32), np.zeros(LATENTS, np.float32)
    threshold = np.arange(LATENTS, dtype=np.float32) / 2
    pool = MaxPool(Screen.of(identity, nothing), threshold, None, DOCUMENTS)
    documents = np.array([document for document, _ in rows], np.int64)
    states = np.array([state for _, state in rows], np.float32).reshape(-1, LATENTS)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for start, end in pairwise(edges):
        pool.add(states[start:end], documents[start:end])
    wanted = np.zeros((DOCUMENTS, LATENTS), np.float32)
    np.maximum.at(wanted, documents, np.where(states > threshold, states, 0))
    result = pool.result()
    assert np.array_equal(result.toarray(), wanted)
    assert result.dtype == np.float32
    assert result.has_canonical_format
    assert result.nnz == np.count_nonzero(wanted)
