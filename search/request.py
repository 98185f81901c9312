"""What a search asks for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from glassdex.errors import UsageError
from glassdex.store.filters import Filter

Mode = Literal["hybrid", "property", "dense", "bm25"]
MODES: tuple[Mode, ...] = get_args(Mode)

MAX_HITS = 10_000
MAX_TEXT = 10_000
MAX_NEGATIVES = 16
MAX_LATENTS = 256


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A query in words, by latents, or both.

    text: may be empty when `weights` are given. negatives: texts whose property is not wanted.
    weights: latent to weight, replacing what the words would have given it; 0 takes it out.
    """

    text: str = ""
    k: int = 10
    mode: Mode = "hybrid"
    negatives: tuple[str, ...] = ()
    where: Filter | None = None
    weights: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"there is no mode {self.mode!r}: choose one of {', '.join(MODES)}")
        if not 1 <= self.k <= MAX_HITS:
            raise UsageError(f"{self.k} hits were asked for: ask for 1 to {MAX_HITS}")
        for text in (self.text, *self.negatives):
            _check_text(text)
        if len(self.negatives) > MAX_NEGATIVES or len(self.weights) > MAX_LATENTS:
            raise UsageError(
                f"{len(self.negatives)} negative texts and {len(self.weights)} latents were "
                f"given: at most {MAX_NEGATIVES} and {MAX_LATENTS}"
            )
        for latent, weight in self.weights.items():
            if not math.isfinite(weight):
                raise UsageError(f"the weight of latent {latent} is {weight}: not a finite number")
        self._check_mode_can()
        self._check_something_to_search()

    def _check_mode_can(self) -> None:
        """Nothing that was asked for is left out silently."""
        if self.weights and self.mode in ("dense", "bm25"):
            raise UsageError(
                f"the mode {self.mode!r} has no latents to weigh: use property or hybrid"
            )
        if self.negatives and self.mode == "bm25":
            raise UsageError("the mode 'bm25' cannot search for less of a text: use another mode")

    def _check_something_to_search(self) -> None:
        if self.text.strip():
            return
        if self.mode in ("dense", "bm25"):
            raise UsageError(
                f"the mode {self.mode!r} searches by words, but the query is empty: give a text"
            )
        if not any(self.weights.values()):
            raise UsageError(
                "the query is empty: give a text, or `--latent ID:WEIGHT` with a weight but 0"
            )


def _check_text(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise UsageError(f"a query of {len(text)} characters was given: at most {MAX_TEXT}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("the query is not valid Unicode: it holds half of a character") from None
