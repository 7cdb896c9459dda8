"""The asynchronous client: the same names, awaited."""

from __future__ import annotations

import asyncio
import functools

import pytest

from .peer import (
    CancelledError,
    Client,
    ClosedClientError,
    as_completed,
    compute,
    delayed,
    persist,
    rask_only,
    wait,
)
from .tasks import add, behind, div, inc, note, notes, pid, same, slow

SECONDS_MAX = 25


def in_a_loop(test):
    """Run an `async def` test in a loop of its own, with a client of an in-process cluster as its first
    argument."""

    @functools.wraps(test)
    def run(tmp_path):
        async def body():
            async with Client(
                asynchronous=True, processes=False, n_workers=1, threads_per_worker=2, **QUIET
            ) as client:
                await asyncio.wait_for(test(client, tmp_path), SECONDS_MAX)

        asyncio.run(body())

    del run.__wrapped__  # pytest would take the inner arguments for fixtures
    return run


QUIET = {"dashboard_address": ":0"}


@in_a_loop
async def test_submit(client, tmp_path):
    assert client.asynchronous is True
    future = client.submit(inc, 1)
    assert future.key.startswith("inc-")
    assert await future == 2
    assert await future.result() == 2
    assert future.status == "finished"


@in_a_loop
async def test_map_and_gather(client, tmp_path):
    futures = client.map(inc, range(10))
    assert await client.gather(futures) == list(range(1, 11))
    assert await client.gather({"a": futures[0], "b": [futures[1], 5]}) == {"a": 1, "b": [2, 5]}


@in_a_loop
async def test_futures_as_arguments(client, tmp_path):
    two = client.submit(inc, 1)
    assert await client.submit(add, two, client.submit(inc, two)) == 5


@in_a_loop
async def test_scatter(client, tmp_path):
    (future,) = await client.scatter([10])
    assert await client.submit(inc, future) == 11


@in_a_loop
async def test_errors(client, tmp_path):
    future = client.submit(div, 1, 0)
    with pytest.raises(ZeroDivisionError):
        await future
    with pytest.raises(ZeroDivisionError):
        await client.gather([future])
    assert isinstance(await future.exception(), ZeroDivisionError)
    assert await future.traceback() is not None
    assert await client.gather([future, client.submit(inc, 1)], errors="skip") == [2]


@in_a_loop
async def test_timeouts(client, tmp_path):
    gate = tmp_path / "gate"
    future = client.submit(behind, str(gate), 5)
    with pytest.raises((TimeoutError, asyncio.TimeoutError)):
        await future.result(timeout=0.02)
    with pytest.raises((TimeoutError, asyncio.TimeoutError)):
        await wait([future], timeout=0.02)
    gate.touch()
    assert await future == 5


@in_a_loop
async def test_the_loop_goes_on_while_a_task_runs(client, tmp_path):
    gate = tmp_path / "gate"
    future = client.submit(behind, str(gate), 5)
    waiting = asyncio.ensure_future(future.result())
    for _ in range(5):
        await asyncio.sleep(0.01)
    assert not waiting.done()
    gate.touch()
    assert await waiting == 5


@in_a_loop
async def test_wait(client, tmp_path):
    futures = client.map(inc, range(5))
    result = await wait(futures)
    assert result.done == set(futures)
    assert result.not_done == set()


@in_a_loop
async def test_as_completed(client, tmp_path):
    got = [await future async for future in as_completed(client.map(inc, range(5)))]
    assert sorted(got) == [1, 2, 3, 4, 5]
    pairs = [pair async for pair in as_completed(client.map(inc, range(5)), with_results=True)]
    assert sorted(value for _, value in pairs) == [1, 2, 3, 4, 5]


@in_a_loop
async def test_as_completed_with_errors(client, tmp_path):
    futures = [client.submit(inc, 1), client.submit(div, 1, 0)]
    assert {f.status async for f in as_completed(futures)} == {"finished", "error"}
    with pytest.raises(ZeroDivisionError):
        async for _ in as_completed(futures[1:], with_results=True):
            pass


@in_a_loop
async def test_as_completed_grows(client, tmp_path):
    iterator = as_completed(client.map(inc, range(2)))
    count = 0
    async for _ in iterator:
        count += 1
        if count <= 3:
            iterator.add(client.submit(same, count, pure=False))
    assert count == 5


@rask_only
@in_a_loop
async def test_blocking_in_the_loop_says_what_to_await(client, tmp_path):
    """Plain iteration would block the loop it waits for; Dask hangs."""
    with pytest.raises((TypeError, RuntimeError), match="async"):
        for _ in as_completed([client.submit(inc, 1)]):
            pass


@in_a_loop
async def test_cancel(client, tmp_path):
    gate = tmp_path / "gate"
    future, other = client.submit(behind, str(gate), pure=False), client.submit(behind, str(gate), pure=False)
    await client.cancel([future])
    await other.cancel()
    assert (future.status, other.status) == ("cancelled", "cancelled")
    gate.touch()
    with pytest.raises(CancelledError):
        await future


@in_a_loop
async def test_retry(client, tmp_path):
    from .tasks import fail_first

    future = client.submit(fail_first, str(tmp_path / "notes"))
    await wait(future)
    assert future.status == "error"
    await future.retry()
    assert await future == 2


@in_a_loop
async def test_compute(client, tmp_path):
    x = delayed(add)(delayed(inc)(1), 1)
    assert await client.compute(x) == 3
    futures = client.compute([x, delayed(inc)(5)])
    assert await client.gather(futures) == [3, 6]


@in_a_loop
async def test_persist(client, tmp_path):
    path = str(tmp_path / "notes")
    x = client.persist(delayed(note)(path, "w"))
    await wait(x)
    assert await client.compute(delayed(same)(x)) == "w"
    assert notes(path) == ["w"]


@in_a_loop
async def test_awaiting_a_delayed_persists_it(client, tmp_path):
    x = await delayed(inc)(1)
    assert await client.compute(x) == 2


@in_a_loop
async def test_blocking_compute_is_refused(client, tmp_path):
    x = delayed(inc)(1)
    for call in (x.compute, x.persist, lambda: compute(x), lambda: persist(x)):
        with pytest.raises(RuntimeError, match=r"[Aa]sync"):
            call()


@in_a_loop
async def test_views(client, tmp_path):
    future = client.submit(same, b"x" * 5_000)  # large enough to live on the worker
    await wait(future)
    nthreads = await client.nthreads()
    assert list(nthreads.values()) == [2]
    who_has = await client.who_has([future])
    assert list(who_has[future.key]) == list(nthreads)
    assert set(await client.has_what()) == set(nthreads)
    assert set(await client.processing()) == set(nthreads)
    assert client.scheduler_info()["address"] == client.scheduler.address


@in_a_loop
async def test_run(client, tmp_path):
    import os

    assert list((await client.run(pid)).values()) == [os.getpid()]


@in_a_loop
async def test_wait_for_workers(client, tmp_path):
    await client.wait_for_workers(1)
    with pytest.raises(TimeoutError):
        await client.wait_for_workers(5, timeout=0.05)


@in_a_loop
async def test_async_tasks(client, tmp_path):
    async def later(x):
        await asyncio.sleep(0.001)
        return x + 1

    assert await client.submit(later, 1) == 2


@in_a_loop
async def test_many_at_once(client, tmp_path):
    async def one(i):
        return await client.submit(inc, i)

    assert await asyncio.gather(*(one(i) for i in range(100))) == list(range(1, 101))


@in_a_loop
async def test_two_coroutines_share_the_client(client, tmp_path):
    async def loop(start):
        value = start
        for _ in range(5):
            value = await client.submit(inc, value, pure=False)
        return value

    assert await asyncio.gather(loop(0), loop(100)) == [5, 105]


def test_await_a_client():
    async def body():
        client = await Client(asynchronous=True, processes=False, n_workers=1, threads_per_worker=1, **QUIET)
        assert client.status == "running"
        assert await client.submit(inc, 1) == 2
        await client.close()
        assert client.status == "closed"
        with pytest.raises(ClosedClientError):
            client.submit(inc, 1)

    asyncio.run(asyncio.wait_for(body(), SECONDS_MAX))


def test_shutdown():
    async def body():
        client = await Client(asynchronous=True, processes=False, n_workers=1, threads_per_worker=1, **QUIET)
        await client.shutdown()
        assert client.status == "closed"

    asyncio.run(asyncio.wait_for(body(), SECONDS_MAX))


def test_on_processes(shared_cluster):
    import os

    async def body():
        async with Client(shared_cluster.scheduler_address, asynchronous=True) as client:
            assert await client.submit(pid) != os.getpid()
            assert await client.gather(client.map(inc, range(20))) == list(range(1, 21))
            assert len(await client.nthreads()) == 2

    asyncio.run(asyncio.wait_for(body(), SECONDS_MAX))


def test_an_ordinary_client_beside_a_running_loop(client):
    """As in a notebook, whose cells run inside of a loop: the synchronous client blocks it, and works."""

    async def cell():
        return client.submit(slow, 5, 0.01).result(), delayed(inc)(1).compute()

    assert asyncio.run(cell()) == (5, 2)
