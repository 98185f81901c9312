"""Automatic labels: the words that set a latent's strongest passages apart from all others'.

Class-based TF-IDF (the weighting of topic models): a term's share of a latent's words times
log(1 + A / f), with A the mean number of words of a latent and f the term's count over all. A
label reads `sorry / apologies (inconvenience, delay)`: words at the peak, then words around it.
Every other passage is kept aside, and the label is scored on those.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from glassdex.sae.catalogue import Label
from glassdex.sae.passages import Passage

SOURCE = "c-tf-idf"
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_")
_STOP = frozenset(
    """a an and are as at be but by for from has have he her his i in is it its of on or she so
    that the their they this to was we were which with you your""".split()  # noqa: SIM905
)
_PEAK_TERMS, _CONTEXT_TERMS = 3, 3


def label_latents(passages: Sequence[Sequence[Passage]], date: str) -> list[tuple[Label, ...]]:
    """One label for every latent that has passages; (d_sae,) lists in, (d_sae,) tuples out.

    `date` is written into the labels (ISO 8601).
    """
    shown = [several[::2] for several in passages]
    peaks = [Counter(t for p in s for t in _peak_terms(p)) for s in shown]
    contexts = [Counter(t for p in s for t in _context_terms(p)) for s in shown]
    rank_peak, rank_context = _Ranking(peaks), _Ranking(contexts)
    words = [
        (rank_peak.best(n, _PEAK_TERMS), rank_context.best(n, _CONTEXT_TERMS + _PEAK_TERMS))
        for n in range(len(passages))
    ]
    return [
        (Label(_wording(*words[n]), SOURCE, _score(n, words[n][0], passages), date),)
        if several
        else ()
        for n, several in enumerate(passages)
    ]


class _Ranking:
    """c-TF-IDF over the terms of all latents."""

    def __init__(self, counts: Sequence[Counter[str]]) -> None:
        self._counts = counts
        self._total: Counter[str] = Counter()
        for counter in counts:
            self._total.update(counter)
        self._mean = self._total.total() / max(1, sum(1 for counter in counts if counter))

    def best(self, latent: int, n: int) -> list[str]:
        """The n terms of largest weight that occur more than once, or the first one."""
        counter = self._counts[latent]
        weight = {t: c * np.log1p(self._mean / self._total[t]) for t, c in counter.items()}
        ranked = sorted(weight, key=lambda t: (-weight[t], t))
        repeated = [t for t in ranked if counter[t] > 1]
        return (repeated or ranked[:1])[:n]


def _wording(peak: Sequence[str], context: Sequence[str]) -> str:
    around = [t for t in context if t not in peak][:_CONTEXT_TERMS]
    head = " / ".join(peak) if peak else "?"
    return f"{head} ({', '.join(around)})" if around else head


def _score(latent: int, terms: Sequence[str], passages: Sequence[Sequence[Passage]]) -> float:
    """Balanced accuracy of "a label word stands at the peak" on passages kept aside.

    As many passages of the following latents serve as negatives; chance without any.
    """
    positives = passages[latent][1::2]
    negatives: list[Passage] = []
    for step in range(1, len(passages)):
        if len(negatives) >= len(positives):
            break
        negatives += passages[(latent + step) % len(passages)][:1]
    if not positives or not negatives:
        return 0.5
    wanted = set(terms)
    hit, miss = (
        np.mean([not wanted.isdisjoint(_peak_terms(p)) for p in group])
        for group in (positives, negatives)
    )
    return float((hit + 1 - miss) / 2)


def _peak_terms(passage: Passage) -> list[str]:
    """The word that holds the strongest token."""
    low, high = passage.peak
    return [
        m.group().lower()
        for m in _WORD.finditer(passage.text)
        if m.start() < high and m.end() > low
    ]


def _context_terms(passage: Passage) -> list[str]:
    """All words but stop words and punctuation."""
    words = [m.group().lower() for m in _WORD.finditer(passage.text)]
    return [word for word in words if word[0].isalnum() and word not in _STOP]
