"""Large values: whoever gets one has memory of its own, however it came."""

from __future__ import annotations

import os
import signal
import sys
import warnings

import pytest

from .peer import Client, rask_only, until

np = pytest.importorskip("numpy")

LENGTH = 500_000


def make(fill):
    return np.full(LENGTH, float(fill))


def add_in_place(array, number):
    array += number
    return float(array[0]), float(array[-1])


def lies_in_shared_memory(array) -> bool:
    at = array.__array_interface__["data"][0]
    with open("/proc/self/maps") as maps:
        ranges = [line.split(" ")[0].split("-") for line in maps if "memfd:rask" in line]
    return any(int(start, 16) <= at < int(end, 16) for start, end in ranges)


def gathered_through_shared_memory(client, future):
    """The future's value, once a segment has been made for such values."""

    def again():
        value = future.result()
        return (value,) if lies_in_shared_memory(value) else None

    return until(again, timeout_s=20)[0]


def test_each_gather_has_its_own(client):
    future = client.submit(make, 1)
    values = [future.result() for _ in range(6)]
    for number, value in enumerate(values):
        value += number
    assert [float(value[-1]) for value in values] == [1, 2, 3, 4, 5, 6]
    assert float(future.result()[0]) == 1


def test_what_is_held_is_not_overwritten(client):
    kept = []
    for number in range(8):
        future = client.submit(make, 100 + number)
        kept.append(future.result())
        del future
    assert [(float(value[0]), float(value[-1])) for value in kept] == [(n, n) for n in range(100, 108)]


def test_each_worker_has_its_own(client):
    first, second = client.nthreads()
    for number in range(4):
        future = client.submit(make, 200 + number, workers=[first])
        changed = client.submit(add_in_place, future, 1, workers=[second])
        assert changed.result() == (201 + number, 201 + number)
        assert float(future.result()[0]) == 200 + number


@pytest.mark.parametrize("hash", [True, False])
def test_scattered_arrays_are_those_of_the_call(client, hash):
    array = make(300)
    futures = []
    for number in range(4):
        array[:] = 300 + number
        futures.append(client.scatter(array, hash=hash))
    array[:] = 0
    assert [float(value[-1]) for value in client.gather(futures)] == [300, 301, 302, 303]


def test_scattered_arrays_are_those_of_the_call_within_one_process():
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
        array = make(400)
        future = client.scatter(array)
        array[:] = 0
        assert float(future.result()[-1]) == 400


def test_a_scattered_bytearray_may_grow_again(client):
    array = bytearray(LENGTH)
    future = client.scatter(array)
    array.append(1)
    assert future.result() == bytearray(LENGTH)


def test_very_long_arrays_have_equal_keys_if_they_are_equal(client):
    array = np.arange(700_000)
    future = client.scatter(array)
    assert client.scatter(array.copy()).key == future.key
    array[-1] += 1
    assert client.scatter(array).key != future.key


@rask_only
@pytest.mark.skipif(sys.platform != "linux", reason="memory is shared on Linux")
def test_what_was_gathered_outlives_the_cluster():
    with Client(n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
        value = gathered_through_shared_memory(client, client.submit(make, 5))
    assert (value == 5).all()


def fork(child):
    """Run `child` in a forked process; what it returns is its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads and forks: that is what is tested
        pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = child()
        finally:
            os._exit(code)
    return pid


@rask_only
@pytest.mark.skipif(sys.platform != "linux", reason="memory is shared on Linux")
def test_a_forked_child_has_its_own(client):
    held = [gathered_through_shared_memory(client, client.submit(make, 7))]
    (wrote, says), (told, tell) = os.pipe(), os.pipe()

    def writer():
        before = float(held[0][0])
        held[0][:] = 8
        os.write(says, b"x")
        os.read(told, 1)  # the parent has changed its own, given it back, and gathered others
        return 0 if before == 7 and (held[0] == 8).all() else 1

    def reader():
        os.read(told, 1)
        return 0 if (held[0] == 7).all() else 1

    pids = [fork(writer), fork(reader)]
    try:
        os.read(wrote, 1)
        assert (held[0] == 7).all()
        held[0][:] = 9
        held.clear()
        for number in range(4):
            gathered_through_shared_memory(client, client.submit(make, 10 + number))
        os.write(tell, b"xx")
        assert [os.waitstatus_to_exitcode(os.waitpid(pids.pop(0), 0)[1]) for _ in range(2)] == [0, 0]
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for end in (wrote, says, told, tell):
            os.close(end)
