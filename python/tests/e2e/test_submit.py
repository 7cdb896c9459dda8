"""`Client.submit`: arguments, futures among them, keys, purity, what it refuses."""

from __future__ import annotations

import functools
import gc
import os
import re

import pytest

from .peer import TOKEN, Future, delayed, rask_only, until, wait
from .tasks import Box, add, behind, die, inc, note, notes, pair, pid, same


def test_runs_elsewhere(client):
    future = client.submit(pid)
    assert isinstance(future, Future)
    assert future.result() != os.getpid()


def test_arguments(client):
    assert client.submit(add, 1, 2).result() == 3
    assert client.submit(add, 1, y=2).result() == 3
    assert client.submit(dict, a=1, b=[2]).result() == {"a": 1, "b": [2]}
    assert client.submit(pair, None).result() == (None, None)


def test_what_can_be_called(client):
    assert client.submit(lambda x: x * 2, 4).result() == 8
    assert client.submit(functools.partial(add, 1), 2).result() == 3
    assert client.submit("abc".upper).result() == "ABC"
    assert client.submit(len, [1, 2]).result() == 2
    assert client.submit(Box, 5).result().value == 5


def test_closures(client):
    factor = 7

    def scaled(x):
        return factor * x

    assert client.submit(scaled, 6).result() == 42


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        10**40,
        2.5,
        float("inf"),
        1j,
        "text é ☃",
        b"\x00\xff",
        bytearray(b"ab"),
        [1, [2, [3]]],
        (1, (2,)),
        {"a": {"b": 1}, 2: None, (3,): "t"},
        {1, 2},
        frozenset([1]),
        range(3),
        slice(1, 2),
        ...,
        int,
        ValueError("an exception as a value"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_values_travel_both_ways(client, value):
    got = client.submit(same, value).result()
    assert type(got) is type(value)
    assert got == value or repr(got) == repr(value)


def test_arrays_travel_both_ways(client):
    np = pytest.importorskip("numpy")
    for array in (
        np.arange(10),
        np.zeros((300, 400), order="F"),
        np.array(["a", "bc"]),
        np.array(3.5),
        np.arange(10)[::2],
    ):
        got = client.submit(same, array).result()
        assert got.dtype == array.dtype
        assert np.array_equal(got, array)


def test_large_values_travel_both_ways(client):
    data = os.urandom(5_000_000)
    future = client.submit(same, data)
    assert client.submit(len, future).result() == len(data)
    assert future.result() == data


def test_futures_as_arguments(client):
    two = client.submit(inc, 1)
    assert client.submit(inc, two).result() == 3
    assert client.submit(add, two, y=two).result() == 4


def test_futures_inside_containers(client):
    two = client.submit(inc, 1)
    assert client.submit(same, [two, [two, 1], (two, 2), {"k": two}, {two}]).result() == [
        2,
        [2, 1],
        (2, 2),
        {"k": 2},
        {2},
    ]
    assert client.submit(dict, a=[two], b={"c": (two,)}).result() == {"a": [2], "b": {"c": (2,)}}


def test_futures_not_yet_finished(client, gate):
    slow = client.submit(behind, gate.path, 10)
    then = client.submit(add, slow, 1)
    assert then.status == "pending"
    gate.open()
    assert then.result() == 11


def test_a_long_chain(client):
    future = client.submit(inc, 0)
    for _ in range(200):
        future = client.submit(inc, future)
    assert future.result() == 201


@rask_only
def test_a_future_inside_an_opaque_object_is_a_living_future(client):
    """In Dask such a future arrives unbound, or fails to unpickle; rask delivers it bound, and holds it
    for the task's life."""
    two = client.submit(inc, 1)
    assert client.submit(lambda box: (box.value.key, box.value.result()), Box(two)).result() == (two.key, 2)


@rask_only
def test_a_future_inside_an_opaque_object_outlives_its_owner(client, gate):
    """The submitter drops its own future while the task that carries it still waits: the carried one must
    stay alive."""

    def read(gate_path, box):
        behind(gate_path)
        return box.value.result()

    two = client.submit(inc, 1, pure=False)
    future = client.submit(read, gate.path, Box(two), pure=False)
    del two
    gc.collect()
    gate.open()
    assert future.result() == 2


def test_a_delayed_as_argument_stays_lazy(client):
    x = delayed(inc)(1)
    assert client.submit(same, x).result().key == x.key


def test_futures_inside_delayed(client):
    two = client.submit(inc, 1)
    assert delayed(inc)(two).compute() == 3
    assert delayed(same)([two, {"k": two}]).compute() == [2, {"k": 2}]


def test_pure_by_default(client, note_path):
    a = client.submit(note, note_path, "w")
    b = client.submit(note, note_path, "w")
    assert a.key == b.key
    assert (a.result(), b.result()) == ("w", "w")
    assert notes(note_path) == ["w"]
    assert re.match("note" + TOKEN, a.key)


def test_impure(client, note_path):
    a = client.submit(note, note_path, "w", pure=False)
    b = client.submit(note, note_path, "w", pure=False)
    wait([a, b])
    assert a.key != b.key
    assert notes(note_path) == ["w", "w"]
    assert re.match("note" + TOKEN, a.key)


def test_pure_keys_tell_arguments_apart(client):
    keys = {
        client.submit(pair, *args).key
        for args in [(1,), (1.0,), (True,), ("1",), (b"1",), ((1,),), ([1],), (None,)]
    }
    assert len(keys) == 8
    assert client.submit(pair, {"a": 1, "b": 2}).key == client.submit(pair, {"b": 2, "a": 1}).key
    assert client.submit(pair, 1, 2).key != client.submit(pair, 2, 1).key
    assert client.submit(pair, 1).key != client.submit(same, 1).key


def test_pure_keys_of_functions_go_by_content(client):
    def make(n):
        return lambda x: x + n

    assert client.submit(make(1), 0).key == client.submit(make(1), 0).key
    assert client.submit(make(1), 0).key != client.submit(make(2), 0).key


def test_pure_calls_of_two_clients_are_one_task(client, shared_cluster, note_path):
    from .peer import Client

    with Client(shared_cluster, set_as_default=False) as other:
        a = client.submit(note, note_path, "w")
        b = other.submit(note, note_path, "w")
        assert (a.result(), b.result()) == ("w", "w")
        assert notes(note_path) == ["w"]


def test_key(client):
    future = client.submit(inc, 1, key="my-key")
    assert future.key == "my-key"
    assert future.result() == 2
    assert client.submit(inc, 1, key=("block", 0)).key == ("block", 0)
    assert client.submit(inc, 1, key=("block", 0)).result() == 2


def test_the_same_key_is_the_same_task(client):
    first = client.submit(inc, 1, key="held")
    assert client.submit(inc, 100, key="held").result() == 2
    assert first.result() == 2


def test_a_released_key_is_free_again(client):
    future = client.submit(inc, 1, key="reused")
    assert future.result() == 2
    del future
    until(lambda: "reused" not in client.who_has())
    assert client.submit(inc, 100, key="reused").result() == 101


@pytest.mark.parametrize("key", [["a"], (None,), {"a": 1}], ids=repr)
def test_what_cannot_be_a_key(client, key):
    with pytest.raises(TypeError):
        client.submit(inc, 1, key=key).result()
    assert client.submit(inc, 1).result() == 2


def test_only_functions(client):
    with pytest.raises(TypeError, match="callable"):
        client.submit(1, 2)


def test_arguments_that_do_not_fit_the_function(client):
    with pytest.raises(TypeError, match="bogus"):
        client.submit(inc, bogus=1).result()


def test_dropping_the_future_releases_the_task(client):
    future = client.submit(inc, 1, key="dropped")
    wait(future)
    assert "dropped" in client.who_has()
    del future
    until(lambda: "dropped" not in client.who_has())


def test_a_value_needed_by_a_task_outlives_its_future(client, gate):
    two = client.submit(inc, 1, pure=False)
    total = client.submit(add, two, client.submit(behind, gate.path, 3, pure=False), pure=False)
    del two
    gc.collect()
    gate.open()
    assert total.result() == 5


def test_many_at_once(client):
    futures = [client.submit(inc, i) for i in range(300)]
    assert client.gather(futures) == list(range(1, 301))


def test_submitting_to_dead_ends_is_not_silent(client):
    assert callable(die)
    with pytest.raises(TypeError):
        client.submit()
