"""Indexing: the same documents give the same index, however often and however interrupted."""

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glassdex.errors import InputError
from glassdex.indexer.document import Document
from glassdex.indexer.index import DENSE, LATENTS, WORDS, Index
from glassdex.indexer.run import Chunk, index_documents
from glassdex.settings import Settings

CORPUS = Path(__file__).parents[2] / "api" / "demo" / "corpus.jsonl"
VECTORS = (DENSE, LATENTS, WORDS)


def demo(n, start=0):
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    return [
        Document(r["id"], "demo", "text", r["text"], {"kind": r["kind"]})
        for r in rows[start : start + n]
    ]


def points(index):
    """Everything stored of every document."""
    found = {}
    for page in index.documents.scan(vectors=VECTORS):
        for record in page:
            dense = {name: vector.tobytes() for name, vector in record.dense.items()}
            found[record.id] = (dict(record.payload), dense, dict(record.sparse))
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return Settings(home=tmp_path_factory.mktemp("home"), url=None)


@pytest.fixture
def index(home, request):
    with Index.open_or_create(home, request.node.name.replace("[", "-").replace("]", "")) as made:
        yield made


def test_what_is_there_unchanged_is_skipped(index):
    first = index_documents(index, demo(30))
    assert (first.indexed, first.skipped) == (30, 0)
    stored = points(index)
    again = index_documents(index, reversed(demo(40)), chunk=Chunk(documents=7))
    assert (again.indexed, again.skipped) == (10, 30)
    assert stored.items() <= points(index).items()


def test_a_changed_document_is_written_again(index):
    documents = demo(5)
    index_documents(index, documents)
    documents[2] = replace(documents[2], text="something else altogether")
    documents[3] = replace(documents[3], metadata={"kind": "changed"})
    report = index_documents(index, documents)
    assert (report.indexed, report.skipped) == (2, 3)
    (record,) = index.documents.get([documents[2].point_id])
    assert record.payload["text"] == "something else altogether"
    assert index.documents.count() == 5


def test_of_two_documents_with_one_id_the_last_stays(index):
    first, other = demo(2)
    second = replace(other, doc_id=first.doc_id)
    index_documents(index, [first, second])
    assert index.documents.count() == 1
    (record,) = index.documents.get([first.point_id])
    assert record.payload["text"] == other.text


@pytest.mark.parametrize("chunk", [Chunk(), Chunk(documents=1), Chunk(chars=500)])
def test_the_chunks_make_no_difference(index, home, chunk):
    index_documents(index, demo(25), chunk=chunk)
    stored = points(index)
    with Index.open_or_create(home, "whole") as whole:
        index_documents(whole, demo(25))
        assert points(whole) == stored


def test_every_document_has_what_the_encoder_gives(index):
    documents = demo(12)
    report = index_documents(index, documents)
    encoded = index.bundle.encoder.encode([d.text for d in documents])
    kept = index.pruning.prune(encoded.latents, index.bundle.catalogue.scale)
    assert report.tokens == int(encoded.tokens.sum())
    for row, document in enumerate(documents):
        (record,) = index.documents.get([document.point_id], vectors=VECTORS)
        np.testing.assert_array_equal(record.dense[DENSE], encoded.dense[row].astype(np.float16))
        latents = kept[[row]]
        np.testing.assert_array_equal(record.sparse[LATENTS].indices, latents.indices)
        np.testing.assert_array_equal(record.sparse[LATENTS].values, latents.data.astype("f2"))
        assert record.sparse[WORDS] == index.words.document(document.text)
        assert record.payload == {
            "text": document.text,
            "doc_id": document.doc_id,
            "dataset": "demo",
            "field": "text",
            "metadata": document.metadata,
            "hash": document.content_hash,
        }


def test_nothing_to_index_is_no_error(index):
    assert index_documents(index, []).indexed == 0


KILLED = """
import sys
from glassdex.indexer.index import Index
from glassdex.indexer.run import Chunk, index_documents
from glassdex.indexer.sources import SourceOptions, read_documents
from glassdex.settings import Settings
from pathlib import Path
with Index.open_or_create(Settings(home=Path(sys.argv[1]), url=None), "killed") as index:
    documents = read_documents([sys.argv[2]], SourceOptions(), lambda failure: None)
    print("open", flush=True)
    index_documents(
        index, documents, chunk=Chunk(documents=10),
        on_progress=lambda report: print(report.indexed, report.skipped, flush=True),
    )
print("done", flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment_the_same_run_again_gives_the_same_index(home):
    generator = random.Random(3)
    command = [sys.executable, "-c", KILLED, str(home.home), str(CORPUS)]
    progress = [0]
    for _ in range(5):
        # From the very start of the process to somewhere inside its first chunks.
        killed_early = generator.random() < 0.3
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        lines = []
        if not killed_early:
            wanted = generator.randint(1, 12)
            while len(lines) < wanted and (line := process.stdout.readline()):
                lines.append(line)
        time.sleep(generator.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        progress += [sum(map(int, line.split())) for line in lines if line[0].isdigit()]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    last = [line for line in finished.stdout.splitlines() if line[0].isdigit()][-1]
    assert sum(map(int, last.split())) == 400
    assert int(last.split()[1]) >= max(progress), "what was acknowledged was not found again"
    with Index.open(home, "killed") as resumed, Index.open_or_create(home, "straight") as straight:
        rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
        index_documents(straight, (_as_read(row) for row in rows))
        assert points(resumed) == points(straight)


def _as_read(row):
    metadata = {k: v for k, v in row.items() if k not in ("id", "text")}
    return Document(row["id"], "corpus", "text", row["text"], metadata)


def test_what_was_read_before_a_source_failed_is_kept(index):
    def documents():
        yield from demo(8)
        raise InputError("the second file is no table")

    with pytest.raises(InputError, match="the second file"):
        index_documents(index, documents(), chunk=Chunk(documents=5))
    assert index.documents.count() == 8
