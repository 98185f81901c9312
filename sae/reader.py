"""One forward pass yields a text's dense embedding and the hidden states that an SAE reads."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from glassdex.errors import ModelError, UsageError
from glassdex.sae.checkpoint import DEFAULT_READER, Checkpoint, find_checkpoint
from glassdex.sae.precision import native_bfloat16
from glassdex.sae.windows import Span, split
from glassdex.sae.workers import one_thread_per_product, ordered_map
from glassdex.settings import ReadingPrecision, Settings

OVERLAP = 32
"""Tokens that neighbouring windows of a long text share, at least; half a window if it is short."""


class Encoder(Protocol):
    """A transformer encoder that shows its hidden states."""

    @property
    def width(self) -> int:
        """Dimension of the hidden states."""
        ...

    @property
    def n_layers(self) -> int:
        """Number of layers; state 0 is the embedding."""
        ...

    def groups(self, lengths: Sequence[int]) -> Iterable[Sequence[int]]:
        """Which sequences to read together, by number, given the length of each."""
        ...

    def hidden_states(
        self, sequences: Sequence[Sequence[int]], layers: Collection[int], *, fixed: bool = True
    ) -> dict[int, Tensor]:
        """States after the given layers, of the tokens of one sequence after the other.

        sequences: token ids, none empty; together a group, or a part of one. fixed: compute in
        the shape that a whole group has, so that a sequence's states have the same bits whatever
        it is read with; otherwise in the smallest, which is quicker for a single sequence.
        Returns layer number to (n tokens, width) float32.
        """
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """One forward pass over a part of text number `text`."""

    text: int
    span: Span
    ids: Sequence[int]
    """Token ids with the special tokens around them; never empty."""


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """What one forward pass saw. Each content token of each text appears in exactly one batch.

    windows: the windows of this batch, in order.
    hidden: (n_tokens, width) float32 states of their own content tokens, window after window.
    window: (n_tokens,) int64, position in `windows` of each row of `hidden`, ascending.
    pooled: (n_windows, width) float32, pooled last layer, not normalised.
    """

    windows: Sequence[Window]
    hidden: NDArray[np.float32]
    window: NDArray[np.int64]
    pooled: NDArray[np.float32]


class Reader:
    """A transformer read at one layer, with its tokenizer, window and pooling."""

    def __init__(
        self, checkpoint: Checkpoint, layer: int, encoder: Encoder, tokenizer: Tokenizer
    ) -> None:
        if not 1 <= layer <= encoder.n_layers:
            raise ModelError(
                f"layer {layer} was asked of {checkpoint.name}, which has layers 1 to "
                f"{encoder.n_layers}"
            )
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.checkpoint = checkpoint
        self.layer = layer
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._prefix, self._suffix = _special_tokens(tokenizer)
        if self.window < 1:
            raise ModelError(
                f"{checkpoint.name} sees {checkpoint.window} tokens, which leaves none for text"
            )

    @classmethod
    def load(
        cls,
        name: str = DEFAULT_READER,
        *,
        layer: int,
        revision: str | None = None,
        sha256: str | None = None,
        precision: ReadingPrecision | None = None,
    ) -> "Reader":
        """Load a reader by name; `precision` is GLASSDEX_PRECISION if None.

        From then on torch computes each product on one thread: batches are what runs side by
        side, and a query is too small for two threads not to wait for each other.

        Raises ModelError when it is missing or of an unknown kind, when its weights do not have
        the SHA-256 asked for, or when it has no such layer.
        """
        one_thread_per_product()
        checkpoint = find_checkpoint(name, revision, sha256=sha256)
        encoder = _load_encoder(checkpoint, _dtype(precision or Settings().precision))
        return cls(checkpoint, layer, encoder, _load_tokenizer(checkpoint))

    @property
    def width(self) -> int:
        """Dimension of embeddings and hidden states."""
        return self._encoder.width

    @property
    def window(self) -> int:
        """Content tokens that one forward pass can see."""
        return self.checkpoint.window - len(self._prefix) - len(self._suffix)

    @property
    def overlap(self) -> int:
        """Content tokens that neighbouring windows of a long text share, at least."""
        return min(OVERLAP, self.window // 2)

    def describe(self) -> dict[str, Any]:
        """All that fixes the meaning of this reader's vectors, for the fingerprint."""
        return {
            "reader": self.checkpoint.name,
            "reader_revision": self.checkpoint.revision,
            "reader_sha256": self.checkpoint.sha256,
            "tokenizer_sha256": self.checkpoint.tokenizer_sha256,
            "layer": self.layer,
            "pooling": self.checkpoint.pooling,
            "window": self.checkpoint.window,
            "overlap": self.overlap,
        }

    def tokenize(self, texts: Sequence[str]) -> list[Encoding]:
        """Content tokens of each text, uncut, with their character offsets.

        Raises UsageError on half a surrogate pair, which is not Unicode.
        """
        try:
            encodings: list[Encoding] = self._tokenizer.encode_batch(
                list(texts), add_special_tokens=False
            )
        except TypeError as error:
            raise UsageError(
                "a text holds half a surrogate pair, which is not Unicode: decode it again from "
                "its bytes"
            ) from error
        return encodings

    def read(self, tokens: Sequence[Encoding]) -> Iterator[ReadBatch]:
        """Read tokenised texts, batch after batch, on all threads; not in their order.

        Memory is that of a few batches of TOKENS_PER_BATCH tokens, whatever the texts.
        """
        return ordered_map(self.forward, self.batches(tokens))

    def batches(self, tokens: Sequence[Encoding]) -> Iterator[Sequence[Window]]:
        """What `read` reads at a time, to be given to `forward`."""
        windows = [w for number, one in enumerate(tokens) for w in self._windows(number, one)]
        for group in self._encoder.groups([len(window.ids) for window in windows]):
            yield [windows[number] for number in group]

    def forward(self, windows: Sequence[Window], *, fixed: bool = True) -> ReadBatch:
        """One forward pass; `fixed` as in `Encoder.hidden_states`."""
        last = self._encoder.n_layers
        sequences = [window.ids for window in windows]
        states = self._encoder.hidden_states(sequences, {self.layer, last}, fixed=fixed)
        starts = np.cumsum([0, *map(len, sequences[:-1])])
        own = [self._own_tokens(window) for window in windows]
        rows = [start + tokens for start, tokens in zip(starts, own, strict=True)]
        return ReadBatch(
            windows=windows,
            hidden=states[self.layer].numpy()[np.concatenate(rows)],
            window=np.repeat(np.arange(len(windows)), [len(tokens) for tokens in own]),
            pooled=self._pool(states[last].numpy(), starts),
        )

    def read_one(self, tokens: Encoding) -> ReadBatch:
        """Read one text of at most `window` tokens without padding: the quick way for a query.

        Raises UsageError on a longer text.
        """
        if len(tokens.ids) > self.window:
            raise UsageError(
                f"the text has {len(tokens.ids)} tokens, one pass takes {self.window}: use `read`"
            )
        (whole,) = self._windows(0, tokens)
        return self.forward([whole], fixed=False)

    def _windows(self, text: int, tokens: Encoding) -> Iterator[Window]:
        ids = tokens.ids
        for span in split(len(ids), self.window, self.overlap):
            whole = [*self._prefix, *ids[span.start : span.stop], *self._suffix]
            yield Window(text, span, whole or [0])

    def _own_tokens(self, window: Window) -> NDArray[np.int64]:
        """Places in the window, special tokens counted, of every token that it owns."""
        span = window.span
        return np.arange(span.own_start, span.own_stop) - span.start + len(self._prefix)

    def _pool(self, last: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
        if self.checkpoint.pooling == "cls":
            return last[starts]
        sums: NDArray[np.float32] = np.add.reduceat(last, starts)
        return sums / np.diff(starts, append=len(last)).astype(np.float32)[:, None]


def _special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Ids that the tokenizer puts before and after a text."""
    encoded = tokenizer.encode("a", add_special_tokens=True)
    content = encoded.special_tokens_mask.index(0)
    tail = len(encoded.ids) - encoded.special_tokens_mask[::-1].index(0)
    return encoded.ids[:content], encoded.ids[tail:]


def _dtype(precision: ReadingPrecision) -> torch.dtype:
    """bfloat16 where it is asked for, or where it is left to us and the processor has it."""
    coarse = precision == "bfloat16" or (precision == "auto" and native_bfloat16())
    return torch.bfloat16 if coarse else torch.float32


def _load_encoder(checkpoint: Checkpoint, dtype: torch.dtype) -> Encoder:
    if _is_plain_bert(checkpoint):
        from glassdex.sae.bert import Bert

        return Bert.load(checkpoint.folder, checkpoint.config, dtype)
    from glassdex.sae.huggingface import HuggingFaceEncoder

    return HuggingFaceEncoder(checkpoint.folder, checkpoint.window)


def _is_plain_bert(checkpoint: Checkpoint) -> bool:
    """Whether `glassdex.sae.bert` computes just what this checkpoint means."""
    config = checkpoint.config
    return (
        config.get("model_type") == "bert"
        and config.get("hidden_act", "gelu") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder")
        and (checkpoint.folder / "model.safetensors").exists()
    )


def _load_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    path = checkpoint.folder / "tokenizer.json"
    if path.exists():
        try:
            return Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise ModelError(f"cannot read the tokenizer {path}: {error}") from error
    return _convert_tokenizer(checkpoint)


def _convert_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    """A tokenizer from the files of an older checkpoint."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot load the tokenizer in {checkpoint.folder}: {error}") from error
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(
            f"the tokenizer of {checkpoint.name} gives no character offsets: choose a reader "
            "with a fast tokenizer (tokenizer.json)"
        )
    fast: Tokenizer = backend
    return fast
