"""Commands that make SAEs: `train`, `label`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from glassdex.api.console import escaped, out, print_json, warn
from glassdex.api.options import AsJson, Where, load_settings
from glassdex.sae.config import ActivationName, SAEConfig
from glassdex.sae.training_config import TrainConfig

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Texts: files and folders as for `glassdex index`.",
        show_default=False,
    ),
]
TextField = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD", help="Field that holds the text; may be repeated."),
]

Bank = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Property bank to read with the SAE; default: the one that ships.",
    ),
]
NoBank = Annotated[
    bool,
    typer.Option("--no-bank", help="Read none: saves minutes, searches know no property."),
]

_HELD_OUT = 100_000
"""Hidden states to measure quality on, at most."""

_WITH_K = ("topk", "batchtopk")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("train")(train_command)
    app.command("label")(label_command)


def train_command(
    sources: Sources,
    to: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="SAE folder to make.", show_default=False),
    ],
    _kind: Annotated[
        Literal["token"],
        typer.Option("--kind", help="token reads the hidden state of every token."),
    ] = "token",
    reader: Annotated[
        str, typer.Option(metavar="NAME", help="Model to read: a name, a folder, or a hub name.")
    ] = "all-MiniLM-L6-v2",
    layer: Annotated[int, typer.Option(metavar="N", help="Layer whose states are read.")] = 4,
    d_sae: Annotated[int, typer.Option(metavar="N", help="Number of latents.")] = 4096,
    activation: Annotated[
        ActivationName, typer.Option(help="What makes the code sparse.")
    ] = "batchtopk",
    k: Annotated[
        int, typer.Option("-k", metavar="N", help="Active latents per token (topk, batchtopk).")
    ] = 32,
    tokens: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Tokens to read; default: all.")
    ] = None,
    epochs: Annotated[int, typer.Option(metavar="N", help="Passes over them.")] = 1,
    share: Annotated[
        float, typer.Option(metavar="X", min=0, max=1, help="Share of the documents to use.")
    ] = 1.0,
    described: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Texts that statistics and labels come from."),
    ] = 10_000,
    text_field: TextField = None,
    where: Where = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Fixes weights and order.")] = 0,
    bank: Bank = None,
    no_bank: NoBank = False,
    as_json: AsJson = False,
) -> None:
    """Train an SAE on texts, measure it and label its latents.

    The same command goes on after an interruption. Hidden states wait beside the SAE folder,
    in DIR.activations (768 bytes a token for the default reader), until you delete them.

    Example: `glassdex train corpus.jsonl --out my-sae --tokens 3000000`
    """
    from glassdex.api.progress import TrainBars
    from glassdex.sae.build import BuildPlan, build_sae
    from glassdex.sae.reader import Reader

    load_settings()  # a wrong one is told before anything is read
    read = Reader.load(reader, layer=layer)
    top = k if activation in _WITH_K else None
    plan = BuildPlan(
        sae=SAEConfig(d_in=read.width, d_sae=d_sae, activation=activation, k=top),
        training=TrainConfig(epochs=epochs, seed=seed, aux_k=min(TrainConfig.aux_k, d_sae)),
        tokens=tokens,
        held_out=_HELD_OUT,
        described=described,
        date=_today(),
    )
    texts = _Texts(sources, text_field, where, share)
    with TrainBars(tokens, described) as bars:
        work = to.with_name(to.name + ".activations")
        report = build_sae(read, texts, plan, out=to, work=work, listener=bars.listener)
    if not no_bank:
        _read_bank(to, bank)
    if as_json:
        print_json({"folder": str(to), **report.to_json()})
        return
    out.print(
        f"[bold]{escaped(str(to))}[/]: nMSE {report.nmse:.3f}, explained variance "
        f"{report.explained_variance:.3f}, L0 {report.l0:.1f}, dead {report.dead_share:.2%}"
    )


def label_command(
    sae: Annotated[Path, typer.Argument(metavar="SAE", help="SAE folder.", show_default=False)],
    sources: Sources,
    texts: Annotated[
        int, typer.Option(metavar="N", min=1, help="Texts to take labels from.")
    ] = 10_000,
    text_field: TextField = None,
    where: Where = None,
    bank: Bank = None,
    no_bank: NoBank = False,
    as_json: AsJson = False,
) -> None:
    """Measure the latents of an SAE on texts, label them by their strongest words, and read the
    property bank with it.

    Example: `glassdex label my-sae corpus.jsonl --texts 20000`
    """
    from itertools import islice

    from glassdex.api.progress import counter
    from glassdex.sae.bundle import load_encoder
    from glassdex.sae.catalogue import write_catalogue
    from glassdex.sae.describe import describe

    load_settings()  # a wrong one is told before anything is read
    encoder = load_encoder(sae)
    chosen = islice(_Texts(sources, text_field, where, share=1.0)(), texts)
    with counter("describing latents", texts) as advance:
        catalogue = describe(encoder, chosen, date=_today(), on_progress=advance)
    write_catalogue(sae, catalogue)
    if not no_bank:
        _read_bank(sae, bank)
    labelled = sum(1 for labels in catalogue.labels if labels)
    if as_json:
        print_json({"latents": len(catalogue), "labelled": labelled})
    else:
        out.print(f"[bold]{labelled:,}[/] of {len(catalogue):,} latents labelled")


def _read_bank(folder: Path, bank: Path | None) -> None:
    """Write a property bank in the vectors of an SAE that has its catalogue."""
    from glassdex.api.progress import counter
    from glassdex.sae.bundle import load_encoder
    from glassdex.sae.catalogue import read_catalogue
    from glassdex.sae.encoded_bank import encode_bank, write_bank
    from glassdex.sae.properties import BANK, read_properties

    properties, encoder = read_properties(bank or BANK), load_encoder(folder)
    scale = read_catalogue(folder, encoder.sae.config.d_sae).scale
    with counter("reading the property bank", len(properties)) as advance:
        write_bank(folder, encode_bank(encoder, scale, properties, advance), encoder)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


class _Texts:
    """The same chosen texts again at every call."""

    def __init__(
        self,
        sources: list[str],
        text_fields: list[str] | None,
        where: list[str] | None,
        share: float,
    ) -> None:
        from glassdex.indexer.sources import SourceOptions
        from glassdex.store.filters import parse

        limit = load_settings().max_document_chars
        self._sources = sources
        self._options = SourceOptions(tuple(text_fields or ()), max_chars=limit)
        self._where = parse(where or ())
        self._share = share

    def __call__(self) -> Iterable[str]:
        from glassdex.indexer.choice import choose
        from glassdex.indexer.sources import read_documents

        documents = read_documents(self._sources, self._options, lambda f: warn(str(f)))
        return (d.text for d in choose(documents, where=self._where, share=self._share))
