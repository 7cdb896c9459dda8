"""`as_completed`."""

from __future__ import annotations

import pytest

from .peer import as_completed, wait
from .tasks import behind, div, inc


@pytest.fixture
def gates(tmp_path):
    """Three gates, opened by the test in the order it likes."""
    files = [tmp_path / f"gate-{i}" for i in range(3)]
    yield files
    for file in files:
        file.touch()


@pytest.fixture
def held(client, gates):
    return [client.submit(behind, str(file), i, pure=False) for i, file in enumerate(gates)]


@pytest.fixture
def finished(client):
    futures = client.map(inc, range(3))
    wait(futures)
    return futures


def test_everything_once(client):
    futures = client.map(inc, range(20))
    assert sorted(f.result() for f in as_completed(futures)) == list(range(1, 21))


def test_in_the_order_of_completion(held, gates):
    iterator = as_completed(held)
    for i in (2, 0, 1):
        gates[i].touch()
        assert next(iterator) is held[i]
    with pytest.raises(StopIteration):
        next(iterator)


def test_nothing(client):
    assert list(as_completed([])) == []


def test_errors_are_yielded(client):
    futures = [client.submit(inc, 1), client.submit(div, 1, 0)]
    assert {f.status for f in as_completed(futures)} == {"finished", "error"}


def test_with_results(finished):
    pairs = dict(as_completed(finished, with_results=True))
    assert pairs == dict(zip(finished, [1, 2, 3], strict=True))


def test_with_results_raises_errors(client):
    with pytest.raises(ZeroDivisionError):
        list(as_completed([client.submit(div, 1, 0)], with_results=True))


def test_with_results_of_errors_not_raised(client):
    future = client.submit(div, 1, 0)
    ((got, (kind, error, tb)),) = as_completed([future], with_results=True, raise_errors=False)
    assert got is future
    assert kind is ZeroDivisionError
    assert isinstance(error, ZeroDivisionError)
    assert tb is not None


def test_timeout(held, gates):
    gates[0].touch()
    iterator = as_completed(held, timeout=0.5)
    assert next(iterator) is held[0]
    with pytest.raises(TimeoutError):
        next(iterator)


def test_the_same_key_twice(finished):
    assert len(list(as_completed([finished[0], finished[0]]))) == 2


def test_count_and_readiness(held, gates):
    iterator = as_completed(held)
    assert iterator.count() == 3
    assert not iterator.has_ready()
    assert not iterator.is_empty()
    for file in gates:
        file.touch()
    assert {next(iterator), next(iterator), next(iterator)} == set(held)
    assert iterator.count() == 0
    assert iterator.is_empty()


def test_add_while_iterating(client, finished):
    iterator = as_completed(finished[:1])
    seen = []
    for future in iterator:
        seen.append(future.result())
        if len(seen) < 5:
            iterator.add(client.submit(inc, future))
    assert seen == [1, 2, 3, 4, 5]


def test_update(client, finished):
    iterator = as_completed([])
    iterator.update(finished)
    assert iterator.count() == 3
    assert sorted(f.result() for f in iterator) == [1, 2, 3]


def test_add_after_the_end(finished):
    iterator = as_completed([])
    assert list(iterator) == []
    iterator.add(finished[0])
    assert list(iterator) == [finished[0]]


def test_next_batch(held, gates):
    iterator = as_completed(held)
    assert iterator.next_batch(block=False) == []
    for file in gates:
        file.touch()
    wait(held)
    got = []
    while len(got) < 3:
        got += iterator.next_batch()
    assert set(got) == set(held)
    with pytest.raises(StopIteration):
        iterator.next_batch()


def test_batches(client):
    futures = client.map(inc, range(50))
    batches = list(as_completed(futures).batches())
    assert all(isinstance(batch, list) and batch for batch in batches)
    assert sorted(f.result() for batch in batches for f in batch) == list(range(1, 51))


def test_batches_with_results(finished):
    batches = list(as_completed(finished, with_results=True).batches())
    assert sorted(value for batch in batches for _, value in batch) == [1, 2, 3]


def test_clear(held):
    iterator = as_completed(held)
    iterator.clear()
    assert iterator.count() == 0
    assert list(iterator) == []


@pytest.mark.parametrize("wrong", [1, "text", None])
def test_only_futures(client, wrong):
    with pytest.raises(TypeError, match="future"):
        as_completed([wrong])
    with pytest.raises(TypeError, match="future"):
        as_completed([]).add(wrong)


def test_a_loop_that_submits_follow_ups(client):
    """The usual pattern: feed the loop from its own results until a goal is reached."""
    iterator = as_completed(client.map(inc, range(4)))
    total = 0
    for future in iterator:
        total += 1
        if total <= 6:
            iterator.add(client.submit(inc, future.result() * 100, pure=False))
    assert total == 10
