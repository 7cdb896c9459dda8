"""What a task may do: find its worker, be a client itself, leave its thread, be `async def`."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from .peer import (
    IS_RASK,
    compute,
    delayed,
    fire_and_forget,
    get_client,
    get_worker,
    rask_only,
    rejoin,
    secede,
    until,
    wait,
    worker_client,
)
from .tasks import add, inc, note, noted_behind, notes


def test_get_worker(client):
    def look():
        worker = get_worker()
        return worker.address, worker.name, worker.id, worker.local_directory

    address, name, identity, folder = client.submit(look).result()
    info = client.scheduler_info()["workers"][address]
    assert name == info["name"]
    assert isinstance(identity, str)
    assert os.path.isdir(folder)


def test_get_worker_is_one_object(client):
    def identities():
        return get_worker() is get_worker()

    assert client.submit(identities).result()


def test_the_workers_data(client):
    """What lies on a worker is its own affair in rask: the error says what to ask instead."""

    def look(value):
        try:
            return list(get_worker().data)
        except NotImplementedError as error:
            assert IS_RASK and "has_what" in str(error)
            return [large.key]

    large = client.submit(lambda: b"x" * 100_000, pure=False)
    assert large.key in client.submit(look, large).result()


def test_get_worker_outside():
    with pytest.raises(ValueError, match=r"[Ww]orker"):
        get_worker()


def test_a_place_to_keep_things(client):
    """Users hang state on the worker object, to load a model once per process."""

    def count():
        worker = get_worker()
        worker.times_counted = getattr(worker, "times_counted", 0) + 1
        return worker.times_counted

    address = next(iter(client.nthreads()))
    counts = [client.submit(count, workers=address, pure=False).result() for _ in range(3)]
    assert counts == [1, 2, 3]


def test_get_client(client):
    def task(n):
        inner = get_client()
        return inner.submit(inc, n).result(), sum(inner.gather(inner.map(inc, range(5))))

    assert client.submit(task, 1).result() == (2, 15)


def test_compute_in_a_task(client):
    def task():
        return delayed(add)(delayed(inc)(1), 1).compute(), compute(delayed(inc)(1))

    assert client.submit(task).result() == (3, (2,))


def fibonacci(n):
    if n < 2:
        return n
    with worker_client() as inner:
        futures = inner.map(fibonacci, [n - 1, n - 2], pure=False)
        return sum(inner.gather(futures))


def test_worker_client_recursion(client):
    """More tasks wait for their children than there are threads: each gives up its thread while it waits."""
    assert client.submit(fibonacci, 7).result(timeout=30) == 13


def test_secede_and_rejoin(client, gate, note_path):
    """Four threads, four tasks that secede: four more can begin meanwhile."""

    def aside(gate_path, path):
        secede()
        noted_behind(gate_path, path)
        rejoin()
        return "back"

    seceded = [client.submit(aside, gate.path, note_path, pure=False) for _ in range(4)]
    until(lambda: len(notes(note_path)) == 4)
    assert client.gather([client.submit(inc, i, pure=False) for i in range(8)]) == list(range(1, 9))
    gate.open()
    assert client.gather(seceded) == ["back"] * 4


def test_secede_outside():
    with pytest.raises(ValueError, match=r"[Ww]orker"):
        secede()


def test_async_tasks(client):
    async def later(x):
        await asyncio.sleep(0.01)
        return x + 1

    assert client.submit(later, 1).result() == 2
    assert client.gather(client.map(later, range(10))) == list(range(1, 11))
    assert delayed(later)(delayed(later)(1)).compute() == 3


def test_async_tasks_overlap(client):
    """They wait together on one loop: the second finds what the first left while both are running."""

    async def meet(mine, other, folder):
        open(os.path.join(folder, mine), "w").close()
        for _ in range(1000):
            if os.path.exists(os.path.join(folder, other)):
                return "met"
            await asyncio.sleep(0.01)
        return "missed"

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        address = next(iter(client.nthreads()))
        pair = [
            client.submit(meet, a, b, folder, workers=address, pure=False)
            for a, b in (("left", "right"), ("right", "left"))
        ]
        assert client.gather(pair) == ["met", "met"]


def test_async_tasks_err(client):
    async def fail():
        await asyncio.sleep(0)
        raise LookupError("in a coroutine")

    with pytest.raises(LookupError, match="in a coroutine"):
        client.submit(fail).result()


def test_async_tasks_find_worker_and_client(client):
    async def task():
        value = await get_client().submit(inc, 1)
        return get_worker().address, value

    address, value = client.submit(task).result()
    assert address in client.nthreads()
    assert value == 2


def test_threads_of_a_worker(client):
    """Two threads run two tasks of one worker at once, none of them its main thread."""
    address = next(iter(client.nthreads()))

    def look():
        return threading.current_thread() is threading.main_thread()

    assert client.gather(client.map(lambda _: look(), range(4), workers=address, pure=False)) == [False] * 4


def test_a_task_may_return_a_future(client):
    def task():
        return get_client().submit(inc, 41)

    future = client.submit(task)
    wait(future)
    assert future.status == "finished"


def test_a_task_may_submit_and_forget(client, note_path):
    def task(path):
        fire_and_forget(get_client().submit(note, path, "forgotten", pure=False))
        return "done"

    assert client.submit(task, note_path).result() == "done"
    until(lambda: notes(note_path) == ["forgotten"])


def test_a_parent_lends_its_thread_to_its_child(client, gate, note_path):
    """Of a worker's two threads one is held, and the parent sits on the other: inside `worker_client` it
    makes room."""
    address = next(iter(client.nthreads()))

    def parent():
        with worker_client() as inner:
            return inner.submit(inc, 1, workers=address, pure=False).result()

    held = client.submit(noted_behind, gate.path, note_path, workers=address, pure=False)
    until(lambda: notes(note_path))
    assert client.submit(parent, workers=address, pure=False).result(timeout=30) == 2
    gate.open()
    wait(held)


@rask_only
def test_a_child_finds_the_thread_that_is_free(client, gate, note_path):
    """As above, over the whole cluster: three of four threads are held, the parent lends the fourth, and
    the child must not queue up at the worker where both are held. (In Dask it may, for good.)"""

    def parent():
        with worker_client() as inner:
            return inner.submit(inc, 1, pure=False).result()

    held = [client.submit(noted_behind, gate.path, note_path, pure=False) for _ in range(3)]
    until(lambda: len(notes(note_path)) == 3)
    assert client.submit(parent, pure=False).result(timeout=30) == 2
    gate.open()
    wait(held)
