import threading

import pytest
import torch

from glassdex.sae import workers
from glassdex.sae.workers import ordered_map, split_products, worker_count


@pytest.fixture(params=[1, 2, 5])
def threads(request, monkeypatch):
    monkeypatch.setattr(workers, "worker_count", lambda: request.param)
    return request.param


def test_results_come_in_order(threads):
    barrier = threading.Event()

    def late_first(number):
        if number == 0 and threads > 1:
            barrier.wait(10)
        barrier.set()
        return number * number

    assert list(ordered_map(late_first, range(50))) == [n * n for n in range(50)]


def test_items_are_taken_only_a_little_ahead(threads):
    taken = []
    results = ordered_map(str, (taken.append(n) or n for n in range(1000)))
    assert next(results) == "0"
    assert len(taken) <= 2 * threads
    results.close()


def test_an_error_is_raised_in_its_turn(threads):
    def fail(number):
        if number == 3:
            raise ValueError("three")
        return number

    results = ordered_map(fail, range(9))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_products_on_the_threads_are_not_split_further(monkeypatch):
    monkeypatch.setattr(workers, "worker_count", lambda: 3)

    def products(_):
        return torch.get_num_threads()

    before = torch.get_num_threads()
    try:
        assert set(ordered_map(products, range(8))) == {1}
    finally:
        torch.set_num_threads(before)


def test_products_are_split_only_while_they_are_meant_to_be(monkeypatch):
    monkeypatch.setattr(workers, "worker_count", lambda: 3)
    before = torch.get_num_threads()
    with split_products():
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("environment", "count"),
    [({"GLASSDEX_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3), ({"OMP_NUM_THREADS": "5"}, 5)],
)
def test_the_environment_sets_their_number(environment, count, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    worker_count.cache_clear()
    try:
        assert worker_count() == count
    finally:
        worker_count.cache_clear()


def test_otherwise_it_is_that_of_the_processors(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("GLASSDEX_THREADS", raising=False)
    monkeypatch.setattr(workers.os, "sched_getaffinity", lambda _: {0, 2, 4}, raising=False)
    worker_count.cache_clear()
    try:
        assert worker_count() == 3
    finally:
        worker_count.cache_clear()
