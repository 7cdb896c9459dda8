"""`Future`: status, results, errors, callbacks, release, how it looks, how it travels."""

from __future__ import annotations

import gc
import pickle
import threading
import traceback

import pytest

from .peer import Future, as_completed, rask_only, until, wait
from .tasks import Named, behind, div, inc, raise_named, same


def test_pending_then_finished(client, gate):
    future = client.submit(behind, gate.path, 5, pure=False)
    assert future.status == "pending"
    assert not future.done()
    assert not future.cancelled()
    gate.open()
    assert future.result() == 5
    assert future.status == "finished"
    assert future.done()
    assert not future.cancelled()


def test_the_result_as_often_as_asked(client):
    future = client.submit(inc, 1)
    assert [future.result() for _ in range(3)] == [2, 2, 2]


def test_erred(client):
    future = client.submit(div, 1, 0)
    with pytest.raises(ZeroDivisionError):
        future.result()
    assert future.status == "error"
    assert future.done()
    assert not future.cancelled()
    assert isinstance(future.exception(), ZeroDivisionError)


def test_no_exception(client):
    future = client.submit(inc, 1)
    assert future.exception() is None
    assert future.traceback() is None


def test_exception_waits(client, gate):
    future = client.submit(behind, gate.path, pure=False)
    with pytest.raises(TimeoutError):
        future.exception(timeout=0.02)
    gate.open()
    assert future.exception(timeout=30) is None


@pytest.mark.parametrize("timeout", [0.02, "20ms"])
def test_timeout(client, gate, timeout):
    future = client.submit(behind, gate.path, 1, pure=False)
    with pytest.raises(TimeoutError):
        future.result(timeout=timeout)
    assert future.status == "pending"
    gate.open()
    assert future.result(timeout="10s") == 1


def test_traceback_names_the_users_frames_only(client):
    future = client.submit(raise_named, 3)
    frames = traceback.extract_tb(future.traceback())
    assert [frame.name for frame in frames] == ["raise_named"]
    assert frames[0].filename.endswith("tasks.py")


def test_the_raised_error_carries_the_remote_frames(client):
    future = client.submit(raise_named, 3)
    with pytest.raises(Named) as caught:
        future.result()
    assert caught.value.args == ("on purpose", 3)
    assert caught.value.number == 3
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[0].name == "test_the_raised_error_carries_the_remote_frames"
    assert frames[-1].name == "raise_named"


def test_raising_it_again_does_not_pile_up_frames(client):
    future = client.submit(div, 1, 0)
    depths = []
    for _ in range(3):
        with pytest.raises(ZeroDivisionError) as caught:
            future.result()
        depths.append(len(traceback.extract_tb(caught.value.__traceback__)))
    assert depths[0] == depths[1] == depths[2]


def test_type(client, gate):
    pending = client.submit(behind, gate.path, pure=False)
    assert pending.type is None
    finished = client.submit(inc, 1)
    wait(finished)
    assert finished.type is int


def test_repr(client, gate):
    pending = client.submit(behind, gate.path, pure=False)
    assert repr(pending) == f"<Future: pending, key: {pending.key}>"
    finished = client.submit(inc, 1)
    wait(finished)
    assert repr(finished) == f"<Future: finished, type: int, key: {finished.key}>"
    assert str(finished) == repr(finished)
    erred = client.submit(div, 1, 0)
    wait(erred)
    assert repr(erred) == f"<Future: error, key: {erred.key}>"
    pending.cancel()
    assert repr(pending) == f"<Future: cancelled, key: {pending.key}>"


def test_repr_names_the_module_of_a_type(client):
    np = pytest.importorskip("numpy")
    future = client.submit(np.arange, 3)
    wait(future)
    assert repr(future) == f"<Future: finished, type: numpy.ndarray, key: {future.key}>"


def test_html(client):
    future = client.submit(inc, 1)
    wait(future)
    html = future._repr_html_()
    for word in ("<strong>", "Future: inc", "finished", "int", future.key):
        assert word in html


def test_html_of_an_error_is_no_error(client):
    future = client.submit(div, 1, 0)
    wait(future)
    assert "error" in future._repr_html_()


def test_client(client):
    assert client.submit(inc, 1).client is client


def test_identity(client):
    a, b = client.submit(inc, 1), client.submit(inc, 1)
    assert a.key == b.key
    assert a != b
    assert len({a, b}) == 2
    assert a


def test_not_iterable(client):
    with pytest.raises(TypeError):
        iter(client.submit(inc, 1))


def test_add_done_callback(client, gate):
    future = client.submit(behind, gate.path, 3, pure=False)
    called = threading.Event()
    got = []

    def callback(done):
        got.append((done is future, done.status, threading.current_thread() is threading.main_thread()))
        called.set()

    future.add_done_callback(callback)
    assert not called.is_set()
    gate.open()
    assert called.wait(10)
    assert got == [(True, "finished", False)]


def test_add_done_callback_when_already_done(client):
    for future in (client.submit(inc, 1), client.submit(div, 1, 0)):
        wait(future)
        called = threading.Event()
        future.add_done_callback(lambda done, called=called: called.set())
        assert called.wait(5)


def test_a_callback_that_raises_harms_nobody(client):
    future = client.submit(inc, 1)
    wait(future)
    called = threading.Event()
    future.add_done_callback(lambda done: 1 / 0)
    future.add_done_callback(lambda done: called.set())
    assert called.wait(5)
    assert client.submit(inc, 2).result() == 3


def test_release(client):
    future = client.submit(inc, 1, key="released-by-hand")
    wait(future)
    future.release()
    until(lambda: "released-by-hand" not in client.who_has())


def test_release_of_one_keeps_the_others(client):
    a, b = client.submit(inc, 1), client.submit(inc, 1)
    assert a.result() == 2
    a.release()
    a.release()
    assert b.result() == 2
    assert client.submit(inc, b).result() == 3


def test_pickle(client):
    future = client.submit(inc, 1)
    copied = pickle.loads(pickle.dumps(future))
    assert isinstance(copied, Future)
    assert copied.key == future.key


@rask_only
def test_an_unpickled_future_is_bound_to_the_client(client):
    """In Dask it is bound to nothing when it is unpickled outside of a task, and its methods raise."""
    future = client.submit(inc, 1)
    copied = pickle.loads(pickle.dumps(future))
    assert copied.result() == 2
    del future
    gc.collect()
    assert client.submit(inc, copied).result() == 3


@rask_only
def test_pickled_into_a_task(client):
    two = client.submit(inc, 1)

    def read(data):
        return pickle.loads(data).result()

    assert client.submit(read, pickle.dumps(two)).result() == 2
    assert two.result() == 2


def test_a_future_kept_in_a_container_is_alive(client):
    futures = {i: client.submit(same, i, pure=False) for i in range(5)}
    gc.collect()
    assert client.gather(futures) == {i: i for i in range(5)}
    assert sorted(f.result() for f in as_completed(futures.values())) == list(range(5))
