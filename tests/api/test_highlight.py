"""Evidence in a text: what is marked, how, and what is shown of a long text."""

import pytest

from glassdex.api.highlight import highlighted, mark
from glassdex.search.result import Evidence

TEXT = "I am so sorry for the delay."


def span(piece: str, latent: int, activation: float = 1.0, text: str = TEXT) -> Evidence:
    start = text.index(piece)
    return Evidence(start, start + len(piece), latent, activation)


def plain(text, spans, latents) -> str:
    return highlighted(text, spans, latents, colour=False).plain


def test_spans_carry_the_number_of_their_latent():
    spans = [span("so sorry", 7), span("delay", 9)]
    assert plain(TEXT, spans, [7, 9]) == "I am [so sorry]¹ for the [delay]²."
    assert plain(TEXT, spans, [9, 7]) == "I am [so sorry]² for the [delay]¹."


def test_where_spans_overlap_the_stronger_latent_is_shown():
    spans = [span("am so sorry", 9), span("sorry", 7)]
    assert plain(TEXT, spans, [7, 9]) == "I [am so ]²[sorry]¹ for the delay."


def test_other_latents_and_no_spans_leave_the_text_alone():
    assert plain(TEXT, [span("sorry", 5)], [7]) == TEXT
    assert plain(TEXT, [], []) == TEXT
    assert plain("", [], [7]) == ""


def test_colours_change_nothing_but_the_style():
    shown = highlighted(TEXT, [span("sorry", 7), span("delay", 9)], [7, 9], colour=True)
    assert shown.plain == TEXT
    styled = {TEXT[s.start : s.end]: str(s.style) for s in shown.spans if s.style}
    assert styled == {"sorry": "black on yellow", "delay": "black on cyan"}


def test_a_long_text_is_cut_around_its_strongest_span():
    text = "a" * 1000 + " weak " + "b" * 1000 + " strong " + "c" * 1000
    spans = [span("weak", 7, 1.0, text), span("strong", 7, 2.0, text)]
    shown = plain(text, spans, [7])
    assert shown.startswith("… b")
    assert "[strong]¹" in shown
    assert shown.endswith("c …")
    assert len(shown) == 400 + len("…  …[]¹")


@pytest.mark.parametrize("evil", ["\x1b[2J", "\r", "\x07", "\u202e", "\n"])
def test_what_would_act_on_a_terminal_becomes_a_blank(evil):
    assert plain(f"x{evil}y", [], []).isprintable()


def test_marks_match_the_spans():
    assert [mark(place, colour=False).plain for place in range(3)] == ["¹", "²", "³"]
    assert [str(mark(place, colour=True).style) for place in range(3)] == [
        "yellow",
        "cyan",
        "green",
    ]
