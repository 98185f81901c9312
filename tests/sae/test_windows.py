from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.sae.windows import Span, split


@st.composite
def cases(draw):
    size = draw(st.integers(1, 300))
    return draw(st.integers(0, 3000)), size, draw(st.integers(0, size - 1))


@given(cases())
@settings(deadline=None)
def test_every_token_is_owned_once_by_a_window_that_sees_it(case):
    n_tokens, size, _ = case
    spans = split(*case)
    assert [t for s in spans for t in range(s.own_start, s.own_stop)] == list(range(n_tokens))
    for span in spans:
        assert 0 <= span.start <= span.own_start <= span.own_stop <= span.stop <= n_tokens
        assert span.stop - span.start <= size


@given(cases())
@settings(deadline=None)
def test_neighbours_overlap_and_share_the_overlap_as_context(case):
    _n_tokens, size, overlap = case
    for left, right in pairwise(split(*case)):
        assert left.stop - left.start == right.stop - right.start == size
        assert left.stop - right.start >= overlap
        assert left.stop - left.own_stop >= overlap // 2
        assert right.own_start - right.start >= overlap // 2


@given(cases())
@settings(deadline=None)
def test_no_more_windows_than_needed(case):
    n_tokens, size, overlap = case
    rest = max(0, n_tokens - size)
    assert len(split(*case)) == 1 + -(-rest // (size - overlap))


@pytest.mark.parametrize("n_tokens", [0, 1, 10])
def test_a_short_text_is_one_window_of_its_own_length(n_tokens):
    assert split(n_tokens, 10, 4) == [Span(0, n_tokens, 0, n_tokens)]


def test_by_hand():
    assert split(21, 10, 4) == [Span(0, 10, 0, 8), Span(6, 16, 8, 13), Span(11, 21, 13, 21)]
