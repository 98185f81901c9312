from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.sae.max_pool import MaxPool

ENTRIES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 6), st.integers(1, 9)), max_size=40
).map(sorted)


@settings(deadline=None)
@given(entries=ENTRIES, cuts=st.lists(st.integers(0, 40), max_size=5))
def test_equals_a_dictionary_of_maxima_however_the_entries_are_cut(entries, cuts):
    pool = MaxPool(6, 7)
    edges = [0, *sorted(min(cut, len(entries)) for cut in cuts), len(entries)]
    for start, end in pairwise(edges):
        part = np.array(entries[start:end], np.int64).reshape(-1, 3)
        pool.add(part[:, 0], part[:, 1], part[:, 2].astype(np.float32))
    wanted = np.zeros((6, 7), np.float32)
    for document, latent, value in entries:
        wanted[document, latent] = max(wanted[document, latent], value)
    result = pool.result()
    assert np.array_equal(result.toarray(), wanted)
    assert result.dtype == np.float32
    assert result.has_canonical_format
    assert result.nnz == np.count_nonzero(wanted)
