"""How an SAE is trained."""

from dataclasses import dataclass
from typing import Literal

from glassdex.errors import SAEError
from glassdex.sae.config import SAEConfig


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; checked when it is made.

    Raises:
        SAEError: a field is out of range, or two fields contradict.
    """

    batch_size: int = 2048
    """Hidden states per step."""

    epochs: int = 1
    """Passes over the activations."""

    max_steps: int | None = None
    """Steps after which training ends even if activations are left; None uses them all."""

    learning_rate: float = 8e-4
    """Adam's step size between warm-up and decay."""

    warmup: float = 0.03
    """Share of the steps over which the learning rate rises from 0."""

    decay: float = 0.25
    """Share of the steps, the last ones, over which the learning rate falls to 0."""

    clip_norm: float = 1.0
    """Gradients of a larger norm, taken over all parameters, are shortened to it."""

    aux_k: int = 64
    """Dead latents per hidden state that reconstruct the residual; 0 never revives a latent."""

    aux_coefficient: float = 1 / 32
    """Weight of that reconstruction's nMSE in the loss."""

    dead_after: int = 250_000
    """Hidden states without an activation after which a latent counts as dead."""

    l1_coefficient: float = 0.05
    """Weight of the L1 penalty, for inputs of norm 1; only for relu."""

    l0_coefficient: float = 6e-4
    """Weight of the number of active latents; only for jumprelu."""

    sparsity_warmup: float = 0.1
    """Share of the steps over which the L1 or L0 penalty rises from 0."""

    bandwidth: float = 0.001
    """Width of jumprelu's gradient kernel, for inputs of norm 1."""

    initial_threshold: float = 0.1
    """Where jumprelu's thresholds start, for inputs of norm 1."""

    threshold_rate: float = 0.01
    """Share of each batch's smallest activation in batchtopk's inference threshold."""

    sample_rows: int = 10_000
    """Hidden states that set the pre-bias (their median) and the input scale."""

    seed: int = 0
    """Fixes the initial weights and the order of the activations."""

    checkpoint_steps: int | None = None
    """Steps between checkpoints; None goes by time alone."""

    checkpoint_seconds: float = 300.0
    """Seconds between checkpoints."""

    dtype: Literal["float16", "float32"] = "float16"
    """Precision of the weights on disk; training is in float32."""

    def __post_init__(self) -> None:
        self._at_least("batch_size", 2)
        self._at_least("epochs", 1)
        self._at_least("sample_rows", 1)
        self._at_least("dead_after", 1)
        self._at_least("aux_k", 0)
        for name in ("max_steps", "checkpoint_steps"):
            if getattr(self, name) is not None:
                self._at_least(name, 1)
        for name in ("learning_rate", "clip_norm", "bandwidth", "checkpoint_seconds"):
            self._positive(name)
        for name in ("aux_coefficient", "l1_coefficient", "l0_coefficient", "initial_threshold"):
            self._at_least(name, 0)
        for name in ("warmup", "decay", "sparsity_warmup", "threshold_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise SAEError(f"{name} is {getattr(self, name)}; wanted a share from 0 to 1")
        if self.warmup + self.decay > 1:
            raise SAEError(
                f"warmup {self.warmup} and decay {self.decay} overlap; wanted a sum of at most 1: "
                "lower one of them"
            )
        if self.dtype not in ("float16", "float32"):
            raise SAEError(f"dtype is {self.dtype!r}; wanted float16 or float32")

    def check_with(self, sae: SAEConfig) -> None:
        """Refuse settings that do not go with this SAE.

        Raises:
            SAEError: the settings contradict.
        """
        if self.aux_k > sae.d_sae:
            raise SAEError(
                f"aux_k is {self.aux_k} with d_sae {sae.d_sae}; wanted at most d_sae: lower aux_k"
            )
        if sae.activation == "relu" and self.l1_coefficient == 0:
            raise SAEError(
                "activation relu with l1_coefficient 0 is never sparse: wanted e.g. 0.05"
            )
        if sae.activation == "jumprelu" and self.l0_coefficient == 0:
            raise SAEError("activation jumprelu with l0_coefficient 0 is never sparse: try 6e-4")

    def total_steps(self, rows: int) -> int:
        """Steps of a run over `rows` hidden states per epoch."""
        steps = rows * self.epochs // self.batch_size
        return steps if self.max_steps is None else min(steps, self.max_steps)

    def learning_rate_at(self, step: int, total: int) -> float:
        """Learning rate of step `step` (from 0) of `total`: up, level, down to 0."""
        rise = (step + 1) / max(1.0, self.warmup * total)
        fall = (total - step) / max(1.0, self.decay * total)
        return self.learning_rate * min(1.0, rise, fall)

    def sparsity_at(self, step: int, total: int) -> float:
        """Factor of the L1 or L0 penalty at step `step` of `total`."""
        return min(1.0, (step + 1) / max(1.0, self.sparsity_warmup * total))

    def _at_least(self, name: str, least: int) -> None:
        if not getattr(self, name) >= least:
            raise SAEError(f"{name} is {getattr(self, name)}; wanted {least} or more")

    def _positive(self, name: str) -> None:
        if not 0 < getattr(self, name) < float("inf"):
            raise SAEError(f"{name} is {getattr(self, name)}; wanted a number above 0")
