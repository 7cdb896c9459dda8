"""`Client.scatter`: local data become futures."""

from __future__ import annotations

import re

import pytest

from .peer import Future, rask_only, until
from .tasks import add, inc


def test_list(client):
    futures = client.scatter([1, 2, 3])
    assert isinstance(futures, list)
    assert client.gather(futures) == [1, 2, 3]


def test_shapes_are_kept(client):
    assert client.gather(client.scatter((11, 12))) == (11, 12)
    assert client.gather(client.scatter({13, 14})) == {13, 14}
    assert client.gather(client.scatter(range(15, 17))) == [15, 16]


def test_dict_keys_are_the_keys(client):
    futures = client.scatter({"x": 1, "y": 2})
    assert futures["x"].key == "x"
    assert client.gather(futures) == {"x": 1, "y": 2}
    assert client.submit(add, futures["x"], futures["y"]).result() == 3


@pytest.mark.parametrize("value", [41, "text", b"bytes", None, 2.5], ids=repr)
def test_single(client, value):
    future = client.scatter(value)
    assert isinstance(future, Future)
    assert future.result() == value


def test_single_array(client):
    np = pytest.importorskip("numpy")
    array = np.arange(100_000)
    future = client.scatter(array)
    assert future.type is np.ndarray
    assert client.submit(np.sum, future).result() == array.sum()


def test_finished_at_once(client):
    future = client.scatter(5)
    assert future.status == "finished"
    assert future.done()
    assert future.type is int


def test_equal_data_have_one_key(client):
    a, b = client.scatter(12345), client.scatter(12345)
    assert a.key == b.key
    assert re.match("int-[0-9a-f]{32}$", a.key)
    assert client.scatter(12346).key != a.key


def test_hash_false(client):
    a, b = client.scatter(12345, hash=False), client.scatter(12345, hash=False)
    assert a.key != b.key
    assert client.gather([a, b]) == [12345, 12345]


def test_broadcast(client):
    future = client.scatter(b"everywhere", broadcast=True)
    until(lambda: len(client.who_has(future)[future.key]) == 2)
    assert set(client.who_has(future)[future.key]) == set(client.nthreads())


def test_workers(client):
    for address in client.nthreads():
        future = client.scatter(f"at {address}", workers=[address])
        assert client.who_has(future)[future.key] == (address,)


def test_direct(client):
    assert client.scatter(5, direct=True).result() == 5
    assert client.scatter([5, 6], direct=False)[1].result() == 6


def test_as_argument(client):
    future = client.scatter(10)
    assert client.submit(inc, future).result() == 11
    assert client.gather(client.map(add, range(3), [future] * 3)) == [10, 11, 12]


def test_iterators_are_refused(client):
    with pytest.raises(TypeError):
        client.scatter(iter([1, 2]))


def test_captured_when_scattered(client):
    data = {"k": [1]}
    (future,) = client.scatter([data])
    data["k"].append(2)
    assert future.result() == {"k": [1]}


@rask_only
def test_equal_data_scattered_again_while_the_first_is_let_go(client):
    """The first future is dropped and equal data scattered at once: the release, still on its way, must
    not take the second scatter's data with it. (In Dask it can: the second future is cancelled, or its
    gather never ends.)"""
    for i in range(50):
        client.scatter([i, i + 1000])
        assert client.gather(client.scatter([i, i + 1000])) == [i, i + 1000]


@rask_only
def test_empty(client):
    """An accident in Dask: its scheduler fails to unpack nothing."""
    assert client.scatter([]) == []
    assert client.scatter({}) == {}
