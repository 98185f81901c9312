"""Documents from files, folders and standard input, as a stream in bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from glassdex.errors import InputError
from glassdex.indexer.builder import DocumentBuilder
from glassdex.indexer.columns import HEAD_RECORDS, Columns, choose_columns, settled
from glassdex.indexer.discover import STDIN, check_source, find_all
from glassdex.indexer.document import Document
from glassdex.indexer.failures import Failure, OnFailure
from glassdex.indexer.formats import FORMATS, Format
from glassdex.indexer.lines import MAX_BYTES
from glassdex.indexer.meter import Meter
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile

_BYTES_PER_CHAR = 8
"""Of a JSON line per character of its text: an escape such as \\u00e9 takes six."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the user says about the sources.

    text_fields: each becomes a document of its own; empty lets every file's be detected.
    id_field: None takes `id`, `_id` or `doc_id`, else a hash of the text. dataset: None
    derives a name from each file. max_chars: longest text, in characters. meter: counts the
    bytes that are read from files.
    """

    text_fields: tuple[str, ...] = ()
    id_field: str | None = None
    dataset: str | None = None
    max_chars: int = 1_000_000
    meter: Meter = field(default_factory=Meter, compare=False)

    @property
    def max_bytes(self) -> int:
        """Of one record as stored in a file."""
        return max(MAX_BYTES, _BYTES_PER_CHAR * self.max_chars)


def read_documents(
    sources: Sequence[str], options: SourceOptions, on_failure: OnFailure
) -> Iterator[Document]:
    """Every document of the sources, in an order that depends on names and content only.

    sources: files (see formats.SUFFIXES), folders, BEIR folders, and `-` for JSON Lines on
    standard input. on_failure is called for each record that cannot become a document, and
    for what is worth a mention; reading goes on.

    Raises InputError at once when a source is missing or of unknown format, later when a file
    that the user named is not what its name says or its text cannot be told, and at the end
    when there was no document at all.
    """
    if not sources:
        raise InputError("no source given: name a file, a folder, or - for standard input")
    for source in sources:
        check_source(source)
    return _stream(sources, options, on_failure)


def total_bytes(sources: Sequence[str]) -> int | None:
    """Bytes of all files of the sources, as stored; None with standard input among them."""
    if STDIN in sources:
        return None
    paths = (file.path for file in find_all(sources) if isinstance(file, SourceFile))
    return sum(path.stat().st_size for path in paths if path is not None and path.exists())


def _stream(
    sources: Sequence[str], options: SourceOptions, on_failure: OnFailure
) -> Iterator[Document]:
    found = False
    first: Failure | None = None
    for item in _read(sources, options):
        if isinstance(item, Failure):
            first = item if first is None or (first.notice and not item.notice) else first
            on_failure(item)
        else:
            found = True
            yield item
    if not found:
        because = f"; the first problem: {first}" if first else ""
        raise InputError(f"no document in {', '.join(map(repr, sources))}{because}")


def _read(sources: Sequence[str], options: SourceOptions) -> Iterator[Document | Failure]:
    for file in find_all(sources, options.dataset):
        if isinstance(file, Failure):
            yield file
            continue
        try:
            yield from _read_file(replace(file, meter=options.meter), options)
        except InputError as error:
            # One odd file among many in a folder must not end a run of hours.
            if file.named:
                raise
            yield Failure(file.name, str(error).removeprefix(file.name).lstrip(": "))


def _read_file(file: SourceFile, options: SourceOptions) -> Iterator[Document | Failure]:
    form = _format(file, options)
    items = form.read(file, options.max_bytes)
    head: list[Record] = []
    failed = False
    for item in items:
        if isinstance(item, Failure):
            failed = True
            yield item
            continue
        head.append(item)
        if form.columns or _enough(head, options):
            break
    if not head:
        if not failed:
            yield Failure(file.name, "there is no record in it", notice=True)
        return
    columns = form.columns or _columns(head, file, form, options)
    builder = DocumentBuilder(file.name, file.dataset, columns, options.max_chars, form.untyped)
    yield from _build(chain(head, items), builder)


def _build(
    items: Iterable[Record | Failure], builder: DocumentBuilder
) -> Iterator[Document | Failure]:
    for item in items:
        if isinstance(item, Failure):
            yield item
        else:
            yield from builder.build(item)


def _format(file: SourceFile, options: SourceOptions) -> Format:
    """How to read a file; fields that the user named make a BEIR corpus an ordinary table."""
    named = bool(options.text_fields or options.id_field)
    return FORMATS["jsonl" if file.format == "beir" and named else file.format]


def _columns(
    head: Sequence[Record], file: SourceFile, form: Format, options: SourceOptions
) -> Columns:
    return choose_columns(
        head,
        file.name,
        text_fields=options.text_fields,
        id_field=options.id_field,
        untyped=form.untyped,
    )


def _enough(head: Sequence[Record], options: SourceOptions) -> bool:
    """Whether the text and id fields can be chosen without holding yet another record."""
    if settled(head[-1], options.text_fields, options.id_field) or len(head) >= HEAD_RECORDS:
        return True
    return sum(len(v) for r in head for v in r.values.values() if isinstance(v, str)) > MAX_BYTES
