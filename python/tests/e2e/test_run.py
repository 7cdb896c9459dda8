"""`Client.run`: a call on every worker, outside of the task system."""

from __future__ import annotations

import asyncio
import os

import pytest

from .tasks import behind, div, inc


def test_on_every_worker(client):
    pids = client.run(os.getpid)
    assert set(pids) == set(client.nthreads())
    assert len(set(pids.values())) == 2
    assert os.getpid() not in pids.values()


def test_arguments(client):
    assert set(client.run(inc, 1).values()) == {2}
    assert set(client.run(pow, 2, exp=3).values()) == {8}


def test_on_some_workers(client):
    address = next(iter(client.nthreads()))
    assert client.run(inc, 1, workers=[address]) == {address: 2}


def test_the_worker_is_handed_in(client):
    got = client.run(lambda dask_worker: (dask_worker.address, dask_worker.name))
    assert {address for address, _ in got.values()} == set(client.nthreads())
    assert {name for _, name in got.values()} == {0, 1}
    assert all(key == address for key, (address, _) in got.items())


def test_async_functions_are_awaited(client):
    async def later(x):
        await asyncio.sleep(0.01)
        return x + 1

    assert set(client.run(later, 1).values()) == {2}


def test_errors(client):
    with pytest.raises(ZeroDivisionError):
        client.run(div, 1, 0)
    returned = client.run(div, 1, 0, on_error="return")
    assert set(returned) == set(client.nthreads())
    assert all(isinstance(error, ZeroDivisionError) for error in returned.values())
    assert client.run(div, 1, 0, on_error="ignore") == {}
    with pytest.raises(ValueError, match="on_error"):
        client.run(div, 1, 0, on_error="shrug")


def test_beside_running_tasks(client, gate):
    """All threads are held; `run` answers all the same."""
    held = [client.submit(behind, gate.path, i, pure=False) for i in range(4)]
    assert len(client.run(os.getpid)) == 2
    gate.open()
    assert client.gather(held) == [0, 1, 2, 3]


def test_what_it_leaves_is_seen_by_tasks(client):
    def leave():
        import builtins

        builtins.left_by_run = 42

    def read():
        import builtins

        return builtins.left_by_run

    client.run(leave)
    assert client.submit(read, pure=False).result() == 42


def test_processes_false(threads_client):
    assert list(threads_client.run(os.getpid).values()) == [os.getpid()]
