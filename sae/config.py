"""What an SAE is, apart from its weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from glassdex.errors import SAEError

ActivationName = Literal["topk", "batchtopk", "relu", "jumprelu"]


@dataclass(frozen=True)
class SAEConfig:
    """Shape, activation function and origin of an SAE; checked when it is made.

    Raises:
        SAEError: a field is out of range or two fields contradict.
    """

    d_in: int
    """Width of a hidden state."""

    d_sae: int
    """Number of latents."""

    activation: ActivationName = "batchtopk"
    """What makes the code sparse."""

    k: int | None = 32
    """Active latents per hidden state (on average, for batchtopk); None for relu and jumprelu."""

    matryoshka: tuple[int, ...] = ()
    """Nested dictionary sizes, ascending, that each reconstruct alone; the last is d_sae."""

    scale: float = 1.0
    """Hidden states are multiplied by it first, so that their mean squared norm is d_in."""

    reader: Mapping[str, Any] = field(default_factory=dict)
    """What it reads: model name, revision, layer, ... (opaque here)."""

    recipe: Mapping[str, Any] = field(default_factory=dict)
    """How it was trained, or where it comes from (opaque here)."""

    def __post_init__(self) -> None:
        for name in ("d_in", "d_sae"):
            _whole(name, getattr(self, name))
        if self.activation not in get_args(ActivationName):
            raise SAEError(
                f"activation is {self.activation!r}; wanted one of "
                f"{', '.join(get_args(ActivationName))}"
            )
        self._check_k()
        self._check_matryoshka()
        if not 0 < self.scale < float("inf"):
            raise SAEError(f"scale is {self.scale!r}; wanted a positive number, 1 for none")

    def _check_k(self) -> None:
        if self.activation in ("relu", "jumprelu"):
            if self.k is not None:
                raise SAEError(
                    f"k is {self.k} with activation {self.activation}, which has no k: set k to "
                    "None, or the activation to topk or batchtopk"
                )
            return
        _whole("k", self.k)
        if self.k is not None and self.k > self.d_sae:
            raise SAEError(f"k is {self.k}; wanted at most d_sae = {self.d_sae}: lower k")

    def _check_matryoshka(self) -> None:
        prefixes = self.matryoshka
        for prefix in prefixes:
            _whole("matryoshka", prefix)
        if prefixes and (list(prefixes) != sorted(set(prefixes)) or prefixes[-1] != self.d_sae):
            raise SAEError(
                f"matryoshka is {prefixes}; wanted ascending sizes that end with d_sae = "
                f"{self.d_sae}, e.g. ({self.d_sae // 4}, {self.d_sae // 2}, {self.d_sae})"
            )


def _whole(name: str, value: object) -> None:
    if not (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        raise SAEError(f"{name} is {value!r}; wanted a whole number from 1 up")
