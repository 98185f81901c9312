import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.sae.selecting import first, kth_largest

VALUES = st.lists(st.integers(-5, 5), min_size=1, max_size=80)


@settings(deadline=None)
@given(values=VALUES, k=st.integers(1, 80))
def test_kth_largest_is_that_of_a_sort(values, k):
    found = kth_largest(np.array(values, np.float32), k)
    assert found == (sorted(values)[-k] if k <= len(values) else -np.inf)


@settings(deadline=None)
@given(values=VALUES, data=st.data())
def test_first_keeps_the_largest_and_of_equal_ones_the_lower_latents(values, data):
    k = data.draw(st.integers(1, len(values)))
    latents = data.draw(st.permutations(range(len(values))))
    found, kept = np.array(latents, np.int32), np.array(values, np.float32)
    n = first(found, kept, len(values), k)
    wanted = sorted(zip(values, latents, strict=True), key=lambda entry: (-entry[0], entry[1]))[:k]
    assert sorted(zip(kept[:n].tolist(), found[:n].tolist(), strict=True)) == sorted(wanted)
