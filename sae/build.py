"""From texts to an SAE folder: read, train, measure, describe; each step goes on after a kill."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from glassdex.sae.batches import ShardSource
from glassdex.sae.bundle import load_encoder
from glassdex.sae.catalogue import FILE, write_catalogue
from glassdex.sae.config import SAEConfig
from glassdex.sae.describe import describe
from glassdex.sae.files import write_json
from glassdex.sae.harvest import harvest
from glassdex.sae.quality import QualityReport, quality
from glassdex.sae.reader import Reader
from glassdex.sae.shards import ShardFolder
from glassdex.sae.trainer import ProgressCallback, train
from glassdex.sae.training_config import TrainConfig

QUALITY = "quality.json"
_MIXED_SHARDS = 16
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What to build. tokens: hidden states to read, None for all. held_out: hidden states kept
    from training to measure quality on. described: texts that statistics and labels are taken
    from. date: ISO 8601, written into the labels."""

    sae: SAEConfig
    training: TrainConfig
    tokens: int | None
    held_out: int
    described: int
    date: str


@dataclass(frozen=True, slots=True)
class BuildListener:
    """Who is told what: hidden states read, training steps, texts described."""

    on_read: Callable[[int], None] | None = None
    on_step: ProgressCallback | None = None
    on_described: Callable[[int], None] | None = None


def build_sae(
    reader: Reader,
    texts: Callable[[], Iterable[str]],
    plan: BuildPlan,
    *,
    out: Path,
    work: Path,
    listener: BuildListener,
) -> QualityReport:
    """Build an SAE folder at `out`; hidden states wait in `work` and may be deleted afterwards.

    `texts` is called for each pass and must give the same texts in the same order.
    Raises SAEError when `out` holds an SAE, or `work` the states of another reader.
    """
    shards = harvest(reader, texts(), work, tokens=plan.tokens, on_progress=listener.on_read)
    fit, held_out = shards.split(plan.held_out)
    source = ShardSource(fit, window_shards=_MIXED_SHARDS)
    train(source, plan.sae, plan.training, out=out, progress=listener.on_step)
    return finish_sae(texts(), plan, held_out, out=out, listener=listener)


def finish_sae(
    texts: Iterable[str],
    plan: BuildPlan,
    held_out: ShardFolder,
    *,
    out: Path,
    listener: BuildListener,
) -> QualityReport:
    """Measure a trained SAE and write `quality.json` and `latents.parquet`."""
    encoder = load_encoder(out)
    report = quality(encoder.sae, held_out.blocks(_BLOCK))
    facts: dict[str, Any] = {**report.to_json(), "held_out_rows": held_out.rows}
    write_json(out / QUALITY, facts)
    if not (out / FILE).exists():
        catalogue = describe(
            encoder,
            islice(texts, plan.described),
            date=plan.date,
            on_progress=listener.on_described,
        )
        write_catalogue(out, catalogue)
    return report
