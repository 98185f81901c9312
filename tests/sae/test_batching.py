from hypothesis import given
from hypothesis import strategies as st

from glassdex.sae.batching import TOKENS_PER_BATCH, by_length, packed, padded, rows_of

LENGTHS = st.lists(st.integers(1, 256), max_size=200)


@given(lengths=LENGTHS)
def test_packing_loses_nothing_and_fits(lengths):
    groups = packed(lengths, 512)
    assert sorted(n for group in groups for n in group) == list(range(len(lengths)))
    assert all(sum(lengths[n] for n in group) <= 512 for group in groups)


@given(lengths=LENGTHS)
def test_at_most_one_group_is_less_than_half_full(lengths):
    full = [sum(lengths[n] for n in group) for group in packed(lengths, 512)]
    assert sum(tokens <= 256 for tokens in full) <= 1


def test_the_best_fit_is_taken_and_groups_are_in_order():
    assert packed([6, 7, 3, 4], 10) == [[0, 3], [1, 2]]


def test_one_length_stands_side_by_side():
    lengths = [3, 5, 3, 5, 3, 5]
    (group,) = packed(lengths, 100)
    assert [lengths[n] for n in group] == [5, 5, 5, 3, 3, 3]


@given(lengths=st.lists(st.integers(0, 300).map(lambda n: max(1, n)), max_size=200))
def test_groups_by_length_lose_nothing_and_have_one_shape(lengths):
    groups = list(by_length(lengths, 300))
    assert sorted(n for group in groups for n in group) == list(range(len(lengths)))
    for group in groups:
        (length,) = {padded(lengths[n], 300) for n in group}
        assert max(lengths[n] for n in group) <= length <= 300
        assert len(group) <= rows_of(length)
        assert rows_of(length) == 1 or rows_of(length) * length <= TOKENS_PER_BATCH
