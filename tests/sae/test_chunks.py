from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.sae.chunks import CHUNK_CHARS, CHUNK_TEXTS, in_chunks

LENGTHS = st.integers(0, 40) | st.integers(0, 2 * CHUNK_CHARS)


@given(st.lists(LENGTHS, max_size=20))
@settings(deadline=None, max_examples=50)
def test_chunks_are_the_texts_and_bounded(lengths):
    texts = [character * n for character, n in zip("abcd" * 5, lengths, strict=False)]
    chunks = list(in_chunks(iter(texts)))
    assert [text for chunk in chunks for text in chunk] == texts
    for chunk in chunks:
        assert len(chunk) == 1 or sum(map(len, chunk)) <= CHUNK_CHARS


def test_many_short_texts():
    sizes = [len(chunk) for chunk in in_chunks(["x"] * (2 * CHUNK_TEXTS + 1))]
    assert sizes == [CHUNK_TEXTS, CHUNK_TEXTS, 1]


@given(st.lists(LENGTHS, max_size=20))
@settings(deadline=None, max_examples=50)
def test_cutting_can_begin_anew_where_a_chunk_ended(lengths):
    texts = ["x" * n for n in lengths]
    first, *rest = list(in_chunks(texts)) or [[]]
    assert list(in_chunks(texts[len(first) :])) == rest


def test_a_stream_is_read_no_further_than_needed():
    stream = iter(["x" * CHUNK_CHARS, "next", "unread"])
    assert len(next(in_chunks(stream))) == 1
    assert list(stream) == ["unread"]
