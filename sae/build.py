"""From texts to an SAE folder: read, train, measure, describe; each step goes on after a kill."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from glassdex.errors import SAEError
from glassdex.sae.batches import ShardSource
from glassdex.sae.bundle import load_encoder
from glassdex.sae.catalogue import FILE, write_catalogue
from glassdex.sae.config import SAEConfig
from glassdex.sae.describe import describe
from glassdex.sae.files import write_json
from glassdex.sae.folder import CONFIG, load_config
from glassdex.sae.harvest import ROWS_PER_SHARD, harvest
from glassdex.sae.quality import QualityReport, quality
from glassdex.sae.reader import Reader
from glassdex.sae.shards import ShardFolder
from glassdex.sae.trainer import ProgressCallback, train
from glassdex.sae.training_config import TrainConfig

QUALITY = "quality.json"
_MIXED_BYTES = 400 << 20
"""Hidden states that training holds in memory and mixes, in half precision."""

_HELD_OUT_SHARE = 10
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What to build.

    tokens: hidden states to read, None for all. held_out: hidden states kept from training to
    measure quality on, but no more than a tenth of them; rounded up to whole shards. described:
    texts that statistics and labels are taken from. date: ISO 8601, written into the labels.
    """

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

    `texts` is called for each pass and must give the same texts in the same order. Called again
    after a kill, it does what is left to do.
    Raises SAEError when `out` holds another SAE, `work` the states of another reader, or the
    texts are too few.
    """
    shards = harvest(reader, texts(), work, tokens=plan.tokens, on_progress=listener.on_read)
    fit, held_out = _split(shards, plan.held_out)
    if not _is_trained(out, plan, fit):
        window = _MIXED_BYTES // (2 * fit.d_in) * len(fit.shards) // fit.rows
        source = ShardSource(fit, window_shards=max(1, window))
        train(source, plan.sae, plan.training, out=out, progress=listener.on_step)
    return finish_sae(texts(), plan, held_out, out=out, listener=listener)


def _split(shards: ShardFolder, held_out: int) -> tuple[ShardFolder, ShardFolder]:
    """What to train on and what to measure on."""
    if len(shards.shards) < 2:
        raise SAEError(
            f"{shards.rows:,} hidden states are too few to train on; wanted at least "
            f"{2 * ROWS_PER_SHARD:,}: read more text"
        )
    return shards.split(max(1, min(held_out, shards.rows // _HELD_OUT_SHARE)))


def _is_trained(out: Path, plan: BuildPlan, fit: ShardFolder) -> bool:
    """Whether `out` holds the SAE that this very plan gives on these hidden states."""
    if not (out / CONFIG).exists():
        return False
    config, _ = load_config(out)
    recipe = config.recipe
    return (
        replace(config, scale=plan.sae.scale, reader=plan.sae.reader, recipe=plan.sae.recipe)
        == plan.sae
        and config.reader == fit.reader
        and recipe.get("training") == asdict(plan.training)
        and recipe.get("activations") == fit.rows
    )


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
