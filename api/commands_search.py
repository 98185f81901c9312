"""Commands that ask an index: `search`, `latents`, `latent`."""

from typing import Annotated

import typer

from glassdex.api.console import print_json
from glassdex.api.options import AsJson, IndexName, Url, Where, opened
from glassdex.errors import UsageError
from glassdex.search.request import Mode


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("search")(search_command)
    app.command("latents")(latents_command)
    app.command("latent")(latent_command)


def search_command(
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="What the documents should be like, or be about.",
            show_default=False,
        ),
    ] = "",
    k: Annotated[int, typer.Option("-k", metavar="N", help="Number of hits.")] = 10,
    mode: Annotated[Mode, typer.Option(help="What counts; hybrid is all three.")] = "hybrid",
    negative: Annotated[
        list[str] | None,
        typer.Option(
            "--not", metavar="TEXT", help="What they should not be like; may be repeated."
        ),
    ] = None,
    latent: Annotated[
        list[str] | None,
        typer.Option(
            "--latent",
            metavar="ID:WEIGHT",
            help="Set the weight of a latent, 0 takes it out; may be repeated.",
        ),
    ] = None,
    where: Where = None,
    index: IndexName = "default",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Find documents by a property, a subject or latents, and see why each was found.

    Example: `glassdex search "sarcastic remarks" --mode property --not angry -w kind=review`
    """
    from glassdex.api.render import show_search
    from glassdex.search.request import SearchRequest
    from glassdex.search.searcher import Searcher
    from glassdex.store.filters import parse

    request = SearchRequest(
        text=text,
        k=k,
        mode=mode,
        negatives=tuple(negative or ()),
        where=parse(where or ()),
        weights=dict(_weight(item) for item in latent or ()),
    )
    with opened(index, url) as found:
        result = Searcher(found).search(request)
    if as_json:
        print_json(result.to_json())
    else:
        show_search(result)


def latents_command(
    text: Annotated[
        str,
        typer.Argument(metavar="TEXT", help="What they should mean.", show_default=False),
    ] = "",
    k: Annotated[
        int, typer.Option("-k", metavar="N", min=1, max=1000, help="Number of latents.")
    ] = 20,
    index: IndexName = "default",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List latents by meaning, or the most frequent ones when no text is given.

    Example: `glassdex latents "saying sorry" -k 5`
    """
    from glassdex.api.render import show_latents
    from glassdex.search.latents import find_latents

    with opened(index, url) as found:
        latents = find_latents(found, text, k)
    if as_json:
        print_json({"latents": [latent.to_json() for latent in latents]})
    else:
        show_latents(latents)


def latent_command(
    latent: Annotated[
        int, typer.Argument(metavar="ID", help="Number of the latent.", show_default=False)
    ],
    k: Annotated[
        int, typer.Option("-k", metavar="N", min=1, max=100, help="Number of passages.")
    ] = 5,
    index: IndexName = "default",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show one latent: label, statistics, histogram, strongest passages and neighbours.

    Example: `glassdex latent 1234`
    """
    from glassdex.api.render import show_latent
    from glassdex.search.latents import inspect_latent

    with opened(index, url) as found:
        page = inspect_latent(found, latent, k)
    if as_json:
        print_json(page.to_json())
    else:
        show_latent(page)


def _weight(item: str) -> tuple[int, float]:
    """Read ID:WEIGHT."""
    number, _, weight = item.partition(":")
    try:
        return int(number), float(weight)
    except ValueError:
        raise UsageError(
            f"cannot read --latent {item!r}: write ID:WEIGHT, as in --latent 1234:0.8"
        ) from None
