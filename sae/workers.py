"""Threads that work on pieces of one job, each piece on a single thread.

Two small products side by side finish sooner than one product split over two threads: nothing
waits for anything, and a product's last bits cannot depend on how many threads there are. So
matrix products run on one thread each, and what is parallel is the batches.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch

from glassdex.settings import Settings

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Pieces in work or waiting, per thread: one to work on and one to go on with."""


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map`, on several threads, with the results in order.

    Items are taken as results are asked for, never more than two per thread ahead, so memory is
    that of a few pieces. The first error is raised in its turn. `function` must not call this
    again. Parallel only where `function` leaves Python: in torch, in a kernel, in the tokenizer.
    """
    workers = worker_count()
    pool = _pool(workers)
    if pool is None:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


@cache
def worker_count() -> int:
    """GLASSDEX_THREADS, else OMP_NUM_THREADS, else the processors this process may use."""
    chosen = Settings().threads
    if chosen is not None:
        return chosen
    common = os.environ.get("OMP_NUM_THREADS", "")
    if common.isdecimal() and int(common) > 0:
        return int(common)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@cache
def _pool(workers: int) -> ThreadPoolExecutor | None:
    """One pool for the process; None where one thread would only wait for another."""
    if workers == 1:
        return None
    return ThreadPoolExecutor(
        workers, thread_name_prefix="glassdex", initializer=one_thread_per_product
    )


def one_thread_per_product() -> None:
    """Have torch compute each product on the thread that asks for it."""
    torch.set_num_threads(1)


@contextmanager
def split_products() -> Iterator[None]:
    """Have torch split each product over all threads, for work that asks for one at a time."""
    before = torch.get_num_threads()
    torch.set_num_threads(worker_count())
    try:
        yield
    finally:
        torch.set_num_threads(before)
