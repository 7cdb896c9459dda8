"""`Client.get`: graphs as Dask users have always written them, a dict of tuples."""

from __future__ import annotations

import operator

import pytest

from .peer import Future, rask_only
from .tasks import add, div, inc, note, notes, same

# Every graph has keys of its own: an explicit key that the scheduler still knows is the task it was before.


@rask_only
def test_the_next_graph_may_use_the_same_keys(client):
    """Nothing holds the first graph's tasks once `get` has returned, so the same key in the next one is a
    new task. (In Dask the release may come too late: the second graph then gets the first one's results.)"""
    for i in range(20):
        assert client.get({"again": i, "more": (inc, "again")}, "more") == i + 1


def test_one_key(client):
    assert client.get({"one-x": (inc, 1), "one-y": (inc, "one-x")}, "one-y") == 3


def test_several_keys(client):
    graph = {"sev-x": (inc, 1), "sev-y": (inc, "sev-x")}
    assert list(client.get(graph, ["sev-y", "sev-x"])) == [3, 2]
    (inner,), x = client.get(graph, [["sev-y"], "sev-x"])
    assert (inner, x) == (3, 2)


def test_tuple_keys(client):
    graph = {
        ("tup-x", 0): (inc, 1),
        ("tup-x", 1): (inc, ("tup-x", 0)),
        "tup-sum": (sum, [("tup-x", 0), ("tup-x", 1)]),
    }
    assert client.get(graph, "tup-sum") == 5
    assert client.get(graph, ("tup-x", 1)) == 3


def test_values_and_aliases(client):
    assert client.get({"va1": 1, "va2": "va1", "va3": (inc, "va2")}, "va3") == 2
    assert client.get({"va4": 1, "va5": "va4"}, "va5") == 1


def test_nested_tasks(client):
    assert client.get({"nested": (inc, (inc, (inc, 1)))}, "nested") == 4
    assert client.get({"ten": 10, "twice": (add, (inc, "ten"), (inc, "ten"))}, "twice") == 22


def test_references_inside_lists(client):
    assert client.get({"li1": (inc, 1), "li2": (sum, ["li1", "li1", 1])}, "li2") == 5
    assert client.get({"li3": (inc, 1), "li4": (same, [["li3"], "not-a-key"])}, "li4") == [[2], "not-a-key"]


def test_a_function_without_arguments(client):
    assert client.get({"fun-x": (dict,)}, "fun-x") == {}


def test_only_what_is_needed_runs(client, note_path):
    assert (
        client.get({"needed": (note, note_path, "a"), "not-needed": (note, note_path, "b")}, "needed") == "a"
    )
    assert notes(note_path) == ["a"]


def test_asynchronously(client):
    future = client.get({"asy-x": (inc, 1)}, "asy-x", sync=False)
    assert isinstance(future, Future)
    assert future.key == "asy-x"
    assert future.result() == 2


def test_futures_in_graphs(client):
    two = client.submit(inc, 1)
    assert client.get({"fut-y": (inc, two), "fut-z": (sum, [two, "fut-y"])}, "fut-z") == 5


def test_an_error(client):
    with pytest.raises(ZeroDivisionError):
        client.get({"err-x": (div, 1, 0), "err-y": (inc, "err-x")}, "err-y")


def test_a_cycle(client):
    with pytest.raises(RuntimeError, match=r"[Cc]ycle"):
        client.get({"cyc-x": (inc, "cyc-y"), "cyc-y": (inc, "cyc-z"), "cyc-z": (inc, "cyc-x")}, "cyc-x")
    assert client.submit(inc, 1).result() == 2


def test_a_key_that_is_missing(client):
    with pytest.raises(Exception, match="missing-key"):
        client.get({"mis-x": (inc, 1)}, "missing-key")
    assert client.submit(inc, 1).result() == 2


def test_a_graph_with_many_layers(client):
    graph = {("man-x", 0): 0}
    for i in range(1, 150):
        graph["man-x", i] = (inc, ("man-x", i - 1))
    assert client.get(graph, ("man-x", 149)) == 149


def test_a_diamond(client):
    graph = {
        "dia-a": 1,
        "dia-b": (inc, "dia-a"),
        "dia-c": (operator.mul, "dia-a", 10),
        "dia-d": (add, "dia-b", "dia-c"),
    }
    assert client.get(graph, "dia-d") == 12
