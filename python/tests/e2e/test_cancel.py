"""Cancelling, on the future and on the client."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError as ConcurrentCancelledError

import pytest

from .peer import (
    CancelledError,
    FutureCancelledError,
    as_completed,
    rask_only,
    reached_the_workers,
    until,
    wait,
)
from .tasks import add, behind, inc, note, noted_behind, notes


@pytest.fixture
def held(client, gate):
    return client.submit(behind, gate.path, "value", pure=False)


def test_cancel(client, held):
    assert client.cancel(held) is None
    assert held.status == "cancelled"
    assert held.cancelled()
    assert held.done()


def test_the_future_cancels_itself(held):
    held.cancel()
    assert held.cancelled()


def test_cancel_a_list(client, gate):
    futures = [client.submit(behind, gate.path, pure=False) for _ in range(5)]
    client.cancel(futures)
    assert all(f.cancelled() for f in futures)


def test_the_result_of_a_cancelled_future(held):
    held.cancel(reason="changed my mind", msg="and said so")
    with pytest.raises(FutureCancelledError) as caught:
        held.result()
    assert isinstance(caught.value, CancelledError)
    assert isinstance(caught.value, ConcurrentCancelledError)
    assert caught.value.key == held.key
    assert held.key in str(caught.value)
    assert "changed my mind" in str(caught.value)
    assert "and said so" in str(caught.value)


def test_the_exception_of_a_cancelled_future(held):
    held.cancel()
    assert held.exception() is None
    assert held.traceback() is None


def test_wait_for_a_cancelled_future(client, held):
    held.cancel()
    with pytest.raises(CancelledError, match=held.key):
        wait([client.submit(inc, 1), held])


def test_as_completed_yields_a_cancelled_future(client, held):
    held.cancel()
    two = client.submit(inc, 1)
    assert {f.key: f.status for f in as_completed([two, held])} == {
        two.key: "finished",
        held.key: "cancelled",
    }


def test_every_future_of_the_key_is_cancelled(client, gate):
    a = client.submit(behind, gate.path)
    b = client.submit(behind, gate.path)
    assert a.key == b.key
    a.cancel()
    assert (a.status, b.status) == ("cancelled", "cancelled")


def test_dependents_are_cancelled_too(client, held):
    dependent = client.submit(add, held, "s")
    held.cancel()
    until(dependent.cancelled)
    with pytest.raises(CancelledError):
        dependent.result(timeout=30)


def test_a_new_dependent_of_a_cancelled_future(client, held):
    held.cancel()
    with pytest.raises(CancelledError):
        client.submit(inc, held).result(timeout=30)


def test_an_equal_call_after_a_cancelled_one_runs(client):
    first = client.submit(inc, 1000)
    assert first.result() == 1001
    first.cancel()
    time.sleep(0.2)  # Dask tells of a cancellation by key alone, and late news would meet the new call
    assert client.submit(inc, 1000).result() == 1001
    assert first.status == "cancelled"


@rask_only
def test_an_equal_call_right_after_a_cancelled_one_runs(client, note_path):
    """The cancellation is still on its way when the equal call is submitted: it must not take the new call
    with it. (In Dask it can: the second future is cancelled too.)"""
    for run in range(1, 21):
        client.submit(note, note_path, "ran").cancel()
        assert client.submit(note, note_path, "ran").result(timeout=30) == "ran"
        assert run <= len(notes(note_path)) <= 2 * run


def test_cancel_a_task_that_has_not_begun(client, gate, note_path):
    """All four threads are held; what waits behind them is cancelled and never runs."""
    began = note_path + "-began"
    held = [client.submit(noted_behind, gate.path, began, pure=False) for _ in range(4)]
    until(lambda: len(notes(began)) == 4)
    waiting = [client.submit(note, note_path, "ran", pure=False) for _ in range(8)]
    client.cancel(waiting)
    until(lambda: not any(f.key in keys for keys in client.processing().values() for f in waiting))
    reached_the_workers(client)
    gate.open()
    wait(held)
    assert client.submit(inc, 1).result() == 2
    assert notes(note_path) == []


def test_cancel_a_running_task_frees_the_client_not_the_code(client, gate, note_path):
    """Running user code is not stopped, but nobody waits for it any more."""
    future = client.submit(noted_behind, gate.path, note_path, pure=False)
    until(lambda: notes(note_path))
    future.cancel()
    with pytest.raises(CancelledError):
        future.result(timeout=30)
    until(lambda: future.key not in client.who_has())
    gate.open()
    assert client.submit(inc, 1).result() == 2


def test_cancel_a_finished_task(client):
    future = client.submit(inc, 1, pure=False)
    wait(future)
    future.cancel()
    assert future.status == "cancelled"
    until(lambda: future.key not in client.who_has())


def test_cancel_what_is_already_cancelled(client, held):
    held.cancel()
    held.cancel()
    client.cancel([held, held])
    assert held.cancelled()


def test_cancel_nothing(client):
    client.cancel([])


def test_cancel_by_one_client_leaves_another_its_task(client, shared_cluster, gate):
    """`cancel` drops this client's interest only; a second client that wants the same key still gets it."""
    from .peer import Client

    with Client(shared_cluster, set_as_default=False) as other:
        mine = client.submit(behind, gate.path, 5)
        theirs = other.submit(behind, gate.path, 5)
        assert mine.key == theirs.key
        until(lambda: any(theirs.key in keys for keys in other.processing().values()))
        mine.cancel()
        gate.open()
        assert theirs.result(timeout=30) == 5
        assert mine.cancelled()
