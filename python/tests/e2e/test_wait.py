"""`wait`."""

from __future__ import annotations

import pytest

from .peer import delayed, persist, wait
from .tasks import behind, div, inc


def test_all(client):
    futures = client.map(inc, range(5))
    result = wait(futures)
    assert result.done == set(futures)
    assert result.not_done == set()
    done, not_done = result
    assert (len(done), len(not_done)) == (5, 0)


def test_one_future(client):
    future = client.submit(inc, 1)
    assert wait(future).done == {future}


def test_nothing(client):
    assert wait([]).done == set()


@pytest.mark.parametrize("timeout", [0.02, "20ms"])
def test_timeout(client, gate, timeout):
    future = client.submit(behind, gate.path, pure=False)
    with pytest.raises(TimeoutError):
        wait([client.submit(inc, 1), future], timeout=timeout)
    gate.open()
    wait(future, timeout="10s")


def test_first_completed(client, gate):
    held = client.submit(behind, gate.path, pure=False)
    two = client.submit(inc, 1)
    result = wait([held, two], return_when="FIRST_COMPLETED")
    assert result.done == {two}
    assert result.not_done == {held}


def test_first_completed_times_out(client, gate):
    held = client.submit(behind, gate.path, pure=False)
    with pytest.raises(TimeoutError):
        wait([held], timeout=0.02, return_when="FIRST_COMPLETED")


def test_an_unknown_return_when(client):
    with pytest.raises(NotImplementedError):
        wait([client.submit(inc, 1)], return_when="FIRST_EXCEPTION")


def test_an_error_is_done(client):
    futures = [client.submit(inc, 1), client.submit(div, 1, 0)]
    assert wait(futures).done == set(futures)


def test_nested(client):
    future = client.submit(inc, 1)
    assert wait({"a": [future]}).done == {future}


def test_a_persisted_collection(client):
    x, y = persist(delayed(inc)(1), delayed(inc)(2))
    assert {f.key for f in wait([x, y]).done} == {x.key, y.key}
