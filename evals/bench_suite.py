"""All benches by name, and what else is worth knowing about a run of them."""

import platform
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path

from glassdex.evals.bench import BenchRow, BenchSetup
from glassdex.evals.bench_encode import bench_encode
from glassdex.evals.bench_index import bench_index
from glassdex.evals.bench_query import bench_query
from glassdex.evals.bench_train import bench_train
from glassdex.evals.peers import SAE_LENS, SENTENCE_TRANSFORMERS, SPARSIFY, Peer, why_not
from glassdex.sae.precision import quickest
from glassdex.sae.workers import worker_count

BENCHES: Mapping[str, Callable[[BenchSetup], list[BenchRow]]] = {
    "encode": bench_encode,
    "train": bench_train,
    "index": bench_index,
    "query": bench_query,
}

PEERS: Mapping[str, tuple[Peer, ...]] = {
    "encode": (SENTENCE_TRANSFORMERS,),
    "train": (SAE_LENS, SPARSIFY),
    "index": (SENTENCE_TRANSFORMERS,),
    "query": (),
}
"""Whom each bench compares with."""


def run_benches(names: Iterable[str], setup: BenchSetup) -> list[BenchRow]:
    """The rows of some benches."""
    return [row for name in names for row in BENCHES[name](setup)]


def absent_peers(names: Iterable[str]) -> dict[Peer, str]:
    """Whom some benches would compare with but cannot, and why."""
    wanted = dict.fromkeys(peer for name in names for peer in PEERS[name])
    return {peer: reason for peer in wanted if (reason := why_not(peer)) is not None}


def machine() -> str:
    """Processor, threads, formats and versions: what figures depend on."""
    present = {peer.package for peers in PEERS.values() for peer in peers if peer.usable}
    packages = ["torch", "numba", "qdrant-edge-py", *sorted(present)]
    versions = ", ".join(f"{package} {metadata.version(package)}" for package in packages)
    threads = worker_count()
    return (
        f"{_processor()}, {threads} thread{'s' * (threads > 1)}, first looks in {quickest()}; "
        f"Python {platform.python_version()}, {versions}"
    )


def _processor() -> str:
    """Its name, where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
