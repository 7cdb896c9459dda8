"""`Client.gather`: structures, errors, what is passed through."""

from __future__ import annotations

import pytest

from .peer import CancelledError, as_completed
from .tasks import behind, div, inc, same


@pytest.fixture
def two(client):
    return client.submit(inc, 1)


@pytest.fixture
def erred(client):
    return client.submit(div, 1, 0)


def test_one(client, two):
    assert client.gather(two) == 2


def test_sequences(client, two):
    assert client.gather([two, two]) == [2, 2]
    assert client.gather((two, two)) == (2, 2)
    assert client.gather({two}) == {2}
    assert client.gather([]) == []


def test_nested(client, two):
    assert client.gather({"a": [two, (two, 3)], "b": {"c": two}, "d": "text"}) == {
        "a": [2, (2, 3)],
        "b": {"c": 2},
        "d": "text",
    }


def test_what_is_no_future_passes_through(client):
    assert client.gather(5) == 5
    assert client.gather([1, "a"]) == [1, "a"]


def test_iterators(client, two):
    assert list(client.gather(iter([two, two]))) == [2, 2]


def test_raises_by_default(client, two, erred):
    with pytest.raises(ZeroDivisionError):
        client.gather([two, erred])


def test_skip(client, two, erred):
    assert client.gather([two, erred, two], errors="skip") == [2, 2]
    assert client.gather([erred], errors="skip") == []


def test_skip_in_a_dict_leaves_none(client, two, erred):
    assert client.gather({"good": two, "bad": erred}, errors="skip") == {"good": 2, "bad": None}


def test_cancelled(client, two, gate):
    cancelled = client.submit(behind, gate.path, pure=False)
    cancelled.cancel()
    with pytest.raises(CancelledError):
        client.gather([two, cancelled])
    assert client.gather([two, cancelled], errors="skip") == [2]


def test_waits_for_the_unfinished(client, gate):
    futures = [client.submit(behind, gate.path, i, pure=False) for i in range(3)]
    iterator = as_completed(futures)
    gate.open()
    assert client.gather(futures) == [0, 1, 2]
    assert len(list(iterator)) == 3


def test_direct(client, two):
    assert client.gather([two], direct=True) == [2]
    assert client.gather([two], direct=False) == [2]


def test_each_gather_gives_its_own_object(client):
    future = client.submit(same, [1])
    first = client.gather(future)
    first.append(2)
    assert client.gather(future) == [1]
    assert future.result() == [1]


def test_large_results(client):
    futures = client.map(lambda i: bytes([i]) * 2_000_000, range(4))
    assert [(len(b), b[0]) for b in client.gather(futures)] == [(2_000_000, i) for i in range(4)]
