"""What cannot travel: that call alone fails, and says why."""

from __future__ import annotations

import threading

import pytest

from .peer import delayed, rask_only, wait
from .tasks import Box, inc, same


class Unpicklable(Exception):
    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()


class Fragile(Exception):
    """Pickles, but its constructor cannot be called the way pickle will."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


class RefusesToLoad:
    def __reduce__(self):
        return (refuse, ())


def refuse():
    raise ImportError("cannot be rebuilt here")


def still_works(client):
    return client.submit(inc, 1, pure=False).result(timeout=30) == 2


def make_lock():
    return threading.Lock()


def kind(value):
    return type(value).__name__


@pytest.mark.parametrize(
    "argument",
    [threading.Lock(), [1, {"deep": threading.Lock()}], Box(threading.Lock()), (i for i in range(3))],
    ids=["lock", "nested", "inside-an-object", "generator"],
)
def test_an_argument_that_cannot_be_pickled(client, argument):
    with pytest.raises(TypeError):
        client.submit(same, argument, pure=False).result()
    assert still_works(client)


def test_a_function_that_cannot_be_pickled(client):
    lock = threading.Lock()
    with pytest.raises(TypeError):
        client.submit(lambda: lock, pure=False).result()
    assert still_works(client)


def test_a_delayed_argument_that_cannot_be_pickled(client):
    with pytest.raises(TypeError):
        delayed(same)(threading.Lock()).compute()
    assert still_works(client)


def test_scattered_data_that_cannot_be_pickled(client):
    with pytest.raises(TypeError):
        client.scatter(threading.Lock(), hash=False)
    assert still_works(client)


def test_map_with_one_element_that_cannot_be_pickled(client):
    with pytest.raises((TypeError, RuntimeError)):
        client.gather(client.map(same, [1, threading.Lock()], pure=False))
    assert still_works(client)


@rask_only
@pytest.mark.parametrize("pure", [True, False])
def test_the_error_names_the_path_to_the_culprit(client, pure):
    """Dask names the whole graph only."""
    with pytest.raises(TypeError, match=r"args\[0\].*lock"):
        client.submit(same, threading.Lock(), pure=pure).result()
    with pytest.raises(TypeError, match=r"args\[1\]\[0\]\['deep'\].*lock"):
        client.submit(same, 1, [{"deep": threading.Lock()}], pure=pure).result()
    with pytest.raises(TypeError, match=r"args\[0\]\.value.*lock"):
        client.submit(same, Box(threading.Lock()), pure=pure).result()
    with pytest.raises(TypeError, match=r"x.*lock"):
        client.submit(same, x=threading.Lock(), pure=pure).result()


def test_a_result_that_cannot_be_pickled(client):
    future = client.submit(make_lock, pure=False)
    wait(future)
    assert future.status == "finished"
    with pytest.raises(TypeError, match="lock"):
        future.result()
    assert still_works(client)


def test_a_result_that_cannot_be_pickled_is_usable_on_its_worker(client):
    future = client.submit(make_lock, pure=False)
    wait(future)
    (address,) = client.who_has(future)[future.key]
    assert client.submit(kind, future, workers=address).result() == "lock"


@rask_only
def test_a_result_that_cannot_be_pickled_errs_when_it_must_travel(client):
    future = client.submit(make_lock, pure=False)
    wait(future)
    (address,) = client.who_has(future)[future.key]
    (other,) = set(client.nthreads()) - {address}
    with pytest.raises(TypeError, match="lock"):
        client.submit(kind, future, workers=other).result(timeout=30)
    assert still_works(client)


def test_an_exception_that_cannot_be_pickled(client):
    def fail():
        raise Unpicklable("held a lock")

    future = client.submit(fail, pure=False)
    with pytest.raises(Exception, match="held a lock") as caught:
        future.result()
    assert "Unpicklable" in repr(caught.value) or "Unpicklable" in str(caught.value)
    assert future.status == "error"
    assert still_works(client)


def test_an_exception_that_cannot_be_unpickled(client):
    def fail():
        raise Fragile("this", "that")

    with pytest.raises(Exception, match="this and that"):
        client.submit(fail, pure=False).result()
    assert still_works(client)


def test_a_result_that_cannot_be_unpickled(client):
    """The error is that of the unpickling, at `result()`, and harms nothing else."""
    future = client.submit(RefusesToLoad, pure=False)
    with pytest.raises(ImportError, match="cannot be rebuilt"):
        future.result(timeout=30)
    assert still_works(client)


@rask_only
def test_an_argument_that_cannot_be_unpickled(client):
    with pytest.raises(ImportError, match="cannot be rebuilt"):
        client.submit(same, RefusesToLoad(), pure=False).result(timeout=30)
    assert still_works(client)


def test_a_module_that_is_missing_on_the_worker(client):
    def use():
        import no_such_module_anywhere

        return no_such_module_anywhere

    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        client.submit(use).result()


def test_recursive_structures(client):
    ring = [1]
    ring.append(Box(ring))
    got = client.submit(lambda box: box.value[1].value is box.value, Box(ring), pure=False).result()
    assert got is True


def test_shared_objects_stay_shared_within_an_argument(client):
    part = Box(1)
    assert client.submit(lambda box: box.value[0] is box.value[1], Box([part, part]), pure=False).result()
