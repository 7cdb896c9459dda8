"""`Client.map`."""

from __future__ import annotations

import re

import pytest

from .peer import TOKEN, rask_only, wait
from .tasks import add, fail_first, inc, note, notes, pair, same, slow


def double_unless_137(i):
    if i == 137:
        raise ValueError(f"not {i}")
    return 2 * i


def test_one_iterable(client):
    futures = client.map(inc, range(10))
    assert isinstance(futures, list)
    assert client.gather(futures) == list(range(1, 11))


def test_several_iterables_stop_at_the_shortest(client):
    assert client.gather(client.map(add, [1, 2, 3], [10, 20, 30])) == [11, 22, 33]
    assert client.gather(client.map(add, range(3), range(5))) == [0, 2, 4]


def test_nothing(client):
    assert client.map(inc, []) == []


def test_keyword_arguments_are_shared(client):
    assert client.gather(client.map(pair, [1, 2], y="shared")) == [(1, "shared"), (2, "shared")]
    assert client.gather(client.map(slow, [1, 2], seconds=0)) == [1, 2]


def test_futures_as_elements_and_keywords(client):
    two = client.submit(inc, 1)
    assert client.gather(client.map(inc, [two, two])) == [3, 3]
    assert client.gather(client.map(same, [[two], {"a": two}])) == [[2], {"a": 2}]
    assert client.gather(client.map(add, [1, 2], y=two)) == [3, 4]


def test_map_over_a_map(client):
    assert client.gather(client.map(inc, client.map(inc, range(5)))) == [2, 3, 4, 5, 6]


@rask_only
def test_a_large_keyword_argument(client):
    """Dask 2026.8 trips over its own large keyword arguments of `map` (an assertion in its scheduler, then
    a hang)."""
    data = b"x" * 3_000_000
    assert client.gather(client.map(lambda i, data: i + len(data), range(20), data=data)) == [
        i + 3_000_000 for i in range(20)
    ]


@pytest.mark.parametrize("batch_size", [1, 3, 10, 100])
def test_batch_size(client, batch_size):
    futures = client.map(inc, range(10), batch_size=batch_size)
    assert client.gather(futures) == list(range(1, 11))


def test_batch_size_with_two_iterables(client):
    assert client.gather(client.map(add, range(5), range(5), batch_size=2)) == [0, 2, 4, 6, 8]


def test_key_as_prefix(client):
    futures = client.map(inc, range(3), key="load")
    assert all(f.key.startswith("load-") for f in futures)
    assert client.gather(futures) == [1, 2, 3]


def test_key_list(client):
    futures = client.map(inc, range(3), key=["a", "b", ("c", 0)])
    assert [f.key for f in futures] == ["a", "b", ("c", 0)]
    assert client.gather(futures) == [1, 2, 3]


def test_a_key_list_stops_the_map_like_any_iterable(client):
    futures = client.map(inc, range(3), key=["short-a", "short-b"])
    assert [f.key for f in futures] == ["short-a", "short-b"]
    assert client.gather(futures) == [1, 2]


def test_pure(client, note_path):
    futures = client.map(note, [note_path] * 3, ["w", "w", "v"])
    wait(futures)
    assert sorted(notes(note_path)) == ["v", "w"]
    assert futures[0].key == futures[1].key
    assert re.match("note" + TOKEN, futures[0].key)


def test_pure_keys_are_those_of_submit_made_again_by_map(client):
    assert [f.key for f in client.map(inc, range(3))] == [f.key for f in client.map(inc, range(3))]


def test_impure(client, note_path):
    futures = client.map(note, [note_path] * 3, ["w"] * 3, pure=False)
    wait(futures)
    assert len({f.key for f in futures}) == 3
    assert all(f.key.startswith("note-") for f in futures)
    assert notes(note_path) == ["w"] * 3


def test_retries(client, tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    assert client.gather(client.map(fail_first, paths, retries=1)) == [2, 2]


@pytest.mark.parametrize("lazy", [iter([1]), (i for i in [1])], ids=["iterator", "generator"])
def test_iterators_are_refused(client, lazy):
    with pytest.raises(TypeError):
        client.map(inc, lazy)


def test_only_functions(client):
    with pytest.raises(TypeError, match="callable"):
        client.map(1, [2])


def test_one_of_many_raises(client):
    futures = client.map(double_unless_137, range(300))
    wait(futures)
    assert [i for i, f in enumerate(futures) if f.status == "error"] == [137]
    assert client.gather(futures, errors="skip") == [2 * i for i in range(300) if i != 137]
    with pytest.raises(ValueError, match="not 137"):
        client.gather(futures)


@rask_only
@pytest.mark.timeout(180)
def test_one_of_100_000_raises(client):
    futures = client.map(double_unless_137, range(100_000))
    wait(futures, timeout=50)
    assert sum(f.status == "finished" for f in futures) == 99_999
    (failed,) = [f for f in futures if f.status == "error"]
    assert failed.key == futures[137].key
    with pytest.raises(ValueError, match="not 137"):
        failed.result()
    assert sum(client.gather(futures, errors="skip")) == sum(2 * i for i in range(100_000)) - 2 * 137


def test_equal_elements_are_one_task_wherever_they_stand(client):
    """Next to each other, far apart, in another order, and between tasks with keys of their own."""
    elements = [*range(50), 49, *range(49, -1, -1), *([7] * 50), 50]
    futures = client.map(inc, elements)
    assert client.gather(futures) == [x + 1 for x in elements]
    assert len({future.key for future in futures}) == 51
    again = client.map(inc, elements[::-1])
    assert {future.key for future in again} == {future.key for future in futures}
    del futures
    assert client.gather(again) == [x + 1 for x in elements[::-1]]
