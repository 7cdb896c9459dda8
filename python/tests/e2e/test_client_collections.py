"""`Client.compute` and `Client.persist` on Delayed; `futures_of`."""

from __future__ import annotations

import pytest

from .peer import Future, delayed, futures_of, is_rask_collection, wait
from .tasks import add, behind, div, inc, note, notes, same


def test_compute_gives_a_future(client):
    x = delayed(inc)(1)
    future = client.compute(x)
    assert isinstance(future, Future)
    assert future.key == x.key
    assert future.result() == 2


def test_compute_a_list(client):
    future, three = client.compute([delayed(inc)(1), 3])
    assert future.result() == 2
    assert three == 3


def test_compute_a_tuple_and_a_nested_list(client):
    a, b = client.compute((delayed(inc)(1), delayed(inc)(2)))
    assert client.gather([a, b]) == [2, 3]
    (inner,) = client.compute([[delayed(inc)(1), delayed(inc)(2)]])
    assert inner.result() == [2, 3]


def test_compute_a_dict(client):
    assert client.compute({"a": delayed(inc)(1)}).result() == {"a": 2}


def test_compute_in_step(client):
    assert client.compute([delayed(inc)(1), 3], sync=True) == [2, 3]
    assert client.compute(delayed(inc)(1), sync=True) == 2


def test_compute_what_is_no_collection(client):
    assert client.compute(3) == 3


def test_compute_does_not_wait(client, gate):
    future = client.compute(delayed(behind)(gate.path, 7))
    assert future.status == "pending"
    gate.open()
    assert future.result() == 7


def test_compute_shares_work(client, note_path):
    x = delayed(note)(note_path, "w")
    futures = client.compute([delayed(same)(x), delayed(same)([x])])
    assert client.gather(futures) == ["w", ["w"]]
    assert notes(note_path) == ["w"]


def test_persist(client, gate):
    x = client.persist(delayed(behind)(gate.path, 7))
    assert is_rask_collection(x)
    assert [f.status for f in futures_of(x)] == ["pending"]
    gate.open()
    assert x.compute() == 7
    assert delayed(inc)(x).compute() == 8


def test_persist_a_list(client):
    x, y = client.persist([delayed(inc)(1), delayed(inc)(2)])
    wait([x, y])
    assert delayed(add)(x, y).compute() == 5


def test_persisted_work_is_not_repeated(client, note_path):
    x = client.persist(delayed(note)(note_path, "w"))
    assert (x.compute(), delayed(same)(x).compute(), client.compute(x).result()) == ("w", "w", "w")
    assert notes(note_path) == ["w"]


def test_dropping_what_was_persisted_releases_it(client):
    from .peer import until

    x = client.persist(delayed(inc)(1))
    wait(x)
    key = x.key
    assert key in client.who_has()
    del x
    until(lambda: key not in client.who_has())


def test_an_error(client):
    with pytest.raises(ZeroDivisionError):
        client.compute(delayed(div)(1, 0)).result()
    erred = client.persist(delayed(div)(1, 0))
    with pytest.raises(ZeroDivisionError):
        delayed(inc)(erred).compute()


def test_futures_of(client):
    future = client.submit(inc, 1)
    persisted = client.persist(delayed(inc)(1))
    assert futures_of(future) == [future]
    assert {f.key for f in futures_of([future, {"a": (persisted,)}, 3])} == {future.key, persisted.key}
    assert futures_of(3) == []
    assert futures_of(delayed(inc)(1)) == []


def test_futures_of_a_cancelled_collection(client, gate):
    from .peer import CancelledError

    persisted = client.persist(delayed(behind)(gate.path))
    client.cancel(persisted)
    with pytest.raises(CancelledError):
        futures_of(persisted, client=client)
