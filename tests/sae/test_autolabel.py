from math import log

import pytest

from glassdex.sae.autolabel import SOURCE, label_latents
from glassdex.sae.passages import Passage


def passage(text):
    """A passage whose peak stands between bars: `I am |sorry| now`."""
    before, peak, after = text.split("|")
    return Passage(before + peak + after, (len(before), len(before) + len(peak)), 1.0)


def passages(*texts):
    """The first, third, ... are shown, those between are kept aside."""
    return [passage(text) for text in texts]


def label(*latents):
    """Labels of the latents whose passages are given, strongest first."""
    return [labels[0] if labels else None for labels in label_latents(latents, "2026-01-02")]


def test_words_are_ranked_by_class_based_tf_idf():
    # Shown are every other passage: 1st, 3rd, 5th, 7th.
    first = passages(
        "|now|", "|x|", "|late|", "|x|", "|now|", "|x|", "|late|", "|x|", "|rare|", "|x|"
    )
    second = passages("|now|", "|x|", "|dog|", "|x|", "|now|", "|x|", "|dog|")
    # Words at peaks: 5 and 4, so A = 4.5; now occurs 4 times in all, late twice, dog twice.
    assert 2 * log(1 + 4.5 / 2) > 2 * log(1 + 4.5 / 4)
    one, two = label(first, second)
    assert one.text == "late / now"  # `rare` occurs once
    assert two.text == "dog / now"
    assert (one.source, one.date) == (SOURCE, "2026-01-02") == ("c-tf-idf", "2026-01-02")


def test_a_silent_latent_has_no_label_and_changes_no_other():
    several = [
        passages("|now|", "|x|", "|late|", "|x|", "|now|", "|x|", "|late|"),
        passages("|now|", "|x|", "|dog|", "|x|", "|dog|"),
    ]
    texts = [found.text for found in label(*several)]
    padded = label(several[0], [], [], [], several[1], *[[]] * 50)
    assert [found.text for found in padded if found] == texts
    assert padded[1] is None


def test_words_around_the_peak_follow_in_brackets():
    (found,) = label(
        passages(
            "so |sorry| about the terrible delay",
            "|x|",
            "we are |sorry|, the delay was terrible",
            "|x|",
            "|sorry| for it",
        )
    )
    assert found.text == "sorry (delay, terrible)"


def test_the_peak_is_the_whole_word_that_holds_the_token():
    (found,) = label(passages("I apo|log|ise", "|x|", "to apo|log|ise", "|x|"))
    assert found.text == "apologise"


@pytest.mark.parametrize("sign", ["!", "_", "£", "😀"])
def test_a_sign_can_be_a_label(sign):
    (found,) = label(passages(f"the |{sign}|", "|x|", f"a |{sign}|", "|x|"))
    assert found.text == sign


def test_contractions_are_words():
    (found,) = label(passages("|I| don't", "|x|", "but |I| don't", "|x|"))
    assert found.text == "i (don't)"


def test_the_score_is_the_balanced_accuracy_on_passages_kept_aside():
    latents = [
        # Shown: late, now, late, now. Kept aside: late, cold, now, late: three of four hit.
        passages("|late|", "|late|", "|now|", "|cold|", "|late|", "|now|", "|now|", "|late|"),
        passages("|now|", "|now|", "|now|"),
        passages("|dog|", "|dog|", "|dog|"),
        passages("|cat|"),
        [],
        passages("|sky|"),
    ]
    # Negatives are the strongest of the four latents that follow: now, dog, cat, sky.
    found = label(*latents)
    assert found[0].text == "late / now"
    assert found[0].score == pytest.approx((3 / 4 + 1 - 1 / 4) / 2)
    assert found[1].score == pytest.approx((1 + 1 - 0) / 2)  # now; the negative is dog


def test_the_score_is_chance_without_passages_kept_aside():
    one, two = label(passages("|now|"), passages("|dog|", "|dog|"))
    assert one.score == 0.5
    assert two.score == 1.0
    assert label(passages("|now|", "|now|"))[0].score == 0.5  # nothing to tell it from


def test_no_latents_and_no_passages():
    assert label() == []
    assert label([], []) == [None, None]
