"""Options that several commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from glassdex.errors import UsageError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from glassdex.indexer.index import Index
    from glassdex.indexer.pruning import Pruning
    from glassdex.settings import Settings

IndexName = Annotated[str, typer.Option("--index", "-i", metavar="NAME", help="Name of the index.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="Qdrant server; default: QDRANT_URL, else a folder here."
    ),
]
Sae = Annotated[
    str | None,
    typer.Option(
        "--sae", metavar="DIR", help="SAE folder for a new index; default: the one that ships."
    ),
]
Keep = Annotated[
    int | None,
    typer.Option(
        "--keep",
        min=0,
        metavar="N",
        help="Latents kept of a document, the strongest; 0 keeps all. Fixed when the index is "
        "made; default: 80.",
    ),
]
KeepAbove = Annotated[
    float | None,
    typer.Option(
        "--keep-above",
        min=0,
        metavar="SHARE",
        help="Smallest activation kept, as a share of the latent's 90th percentile. Fixed when "
        "the index is made; default: 0.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of text for people.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        "-w",
        metavar="CONDITION",
        help="Only documents with KEY=VALUE, KEY!=VALUE, KEY=A|B or KEY>=NUMBER; may be repeated.",
    ),
]


def load_settings(url: str | None = None) -> "Settings":
    """Settings of the environment, `--url` winning over it.

    Raises UsageError naming a variable that has no meaning.
    """
    from pydantic import ValidationError

    from glassdex.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        raise UsageError(_complaint(error)) from None
    return settings if url is None else settings.model_copy(update={"url": url})


def pruning_of(keep: int | None, above: float | None) -> "Pruning | None":
    """What was asked for; None if nothing was, which means what the index has, or the default."""
    from glassdex.indexer.pruning import STRONGEST, Pruning

    if keep is None and above is None:
        return None
    return Pruning(STRONGEST if keep is None else keep or None, above or 0.0)


def _complaint(error: "ValidationError") -> str:
    """The first variable that is wrong. A key is never printed."""
    first = error.errors()[0]
    name = str(first["loc"][0]).upper()
    variable = name if name.startswith(("GLASSDEX_", "QDRANT_")) else f"GLASSDEX_{name}"
    seen = "" if "KEY" in variable else f" is {first['input']!r}"
    return f"the setting {variable}{seen}: {first['msg']}; see docs/settings.md"


@contextmanager
def opened(name: str, url: str | None) -> "Iterator[Index]":
    """An index for reading."""
    from glassdex.indexer.index import Index

    settings = load_settings(url)
    with Index.open(settings, name) as index:
        yield index
