"""`Client(processes=False)`: the same engine, with its workers in this process."""

from __future__ import annotations

import os
import threading

import pytest

from .peer import as_completed, compute, delayed, get_client, get_worker, until, wait
from .tasks import add, append, behind, div, inc, note, notes, pid, same


def test_in_this_process(threads_client):
    assert threads_client.submit(pid).result() == os.getpid()
    assert delayed(pid)().compute() == os.getpid()


def test_not_on_the_callers_thread(threads_client):
    assert threads_client.submit(threading.get_ident, pure=False).result() != threading.get_ident()


def test_the_basics(threads_client):
    futures = threads_client.map(inc, range(100))
    assert threads_client.gather(futures) == list(range(1, 101))
    assert threads_client.submit(sum, futures).result() == 5050
    assert sorted(f.result() for f in as_completed(futures)) == list(range(1, 101))
    assert compute(delayed(add)(delayed(inc)(1), 2)) == (4,)
    with pytest.raises(ZeroDivisionError):
        threads_client.submit(div, 1, 0).result()


def test_threads_run_side_by_side(threads_client, gate):
    held = threads_client.submit(behind, gate.path, "held", pure=False)
    assert threads_client.submit(inc, 1, pure=False).result() == 2
    gate.open()
    assert held.result() == "held"


def test_scatter_and_lock_step(threads_client):
    future = threads_client.scatter({"a": 1})
    assert threads_client.gather(future) == {"a": 1}
    assert threads_client.submit(same, threads_client.scatter([1, 2])[0]).result() == 1


def test_a_result_that_cannot_be_pickled_need_not_be(threads_client):
    lock = threads_client.submit(threading.Lock, pure=False)
    wait(lock)
    assert lock.status == "finished"
    assert threads_client.submit(lambda x: type(x).__name__, lock).result() == "lock"


def test_literals_are_fresh_for_each_run(threads_client):
    literal = [1]
    x = delayed(append)(literal, 2)
    assert [x.compute() for _ in range(3)] == [[1, 2]] * 3
    assert literal == [1]


def test_inside_tasks(threads_client):
    def task():
        return get_client().submit(inc, 1).result(), get_worker().address

    value, address = threads_client.submit(task).result()
    assert value == 2
    assert address in threads_client.nthreads()


def test_release(threads_client, note_path):
    future = threads_client.submit(note, note_path, "w", key="in-process")
    assert future.result() == "w"
    del future
    until(lambda: "in-process" not in threads_client.who_has())
    assert notes(note_path) == ["w"]
