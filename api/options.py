"""Options that several commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from glassdex.settings import Settings

if TYPE_CHECKING:
    from glassdex.indexer.index import Index

IndexName = Annotated[str, typer.Option("--index", "-i", help="Name of the index.")]
Url = Annotated[
    str | None, typer.Option("--url", help="Qdrant server; default: QDRANT_URL, else a folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where", "-w", help="Only documents with KEY=VALUE, KEY!=VALUE, KEY=A|B, KEY>=NUMBER."
    ),
]


def load_settings(url: str | None = None) -> Settings:
    """Settings of the environment, `--url` winning over it, and threads as they say."""
    settings = Settings()
    if url is not None:
        settings = settings.model_copy(update={"url": url})
    return settings


def use_threads(settings: Settings) -> None:
    """Give the reader as many CPU threads as the settings say."""
    if settings.threads is not None:
        import torch

        torch.set_num_threads(settings.threads)


@contextmanager
def opened(name: str, url: str | None) -> "Iterator[Index]":
    """An index for reading."""
    from glassdex.indexer.index import Index

    settings = load_settings(url)
    use_threads(settings)
    with Index.open(settings, name) as index:
        yield index
