"""Computing again gives the same again, and size does not matter."""

from __future__ import annotations

import pytest

from .peer import compute, delayed, rask_only
from .tasks import add, append, inc, same


def fibonacci(n):
    """The seed's exercise: a chain of `append`, each reading the two items before it from the growing
    list."""
    step = delayed(append)
    series = step([], 1)
    series = step(series, 1)
    for i in range(1, n - 1):
        series = step(series, series[i] + series[i - 1])
    return series


SERIES = [1, 1, 2, 3, 5, 8, 13, 21]


def test_fibonacci_on_a_cluster(client):
    series = fibonacci(8)
    assert series.compute() == SERIES
    assert series.compute() == SERIES
    assert compute(series, series[5]) == (SERIES, 8)


@rask_only
def test_fibonacci_twice_without_a_client():
    """Dask's threads hand the literal `[]` of the graph itself to the first `append`, so that it grows
    from run to run."""
    series = fibonacci(8)
    assert series.compute() == SERIES
    assert series.compute() == SERIES


def test_fibonacci_with_its_default_argument(client):
    """The other reading of the exercise: the chain begins from `append`'s own mutable default.

    The function is this program's own (pickled by value, as a notebook's is), so each run begins from a
    fresh default."""

    def grow(arr=[], val=0):  # noqa: B006 - the mutable default is the point
        arr.append(val)
        return arr

    step = delayed(grow)
    series = step(step(val=1), 1)
    for i in range(1, 7):
        series = step(series, series[i] + series[i - 1])
    assert series.compute() == SERIES
    assert series.compute() == SERIES
    assert grow.__defaults__ == ([], 0)


def test_a_mutable_default_is_fresh_for_each_submit(client):
    def grow(arr=[], val=0):  # noqa: B006 - the mutable default is the point
        arr.append(val)
        return arr

    assert [client.submit(grow, val=1, pure=False).result() for _ in range(4)] == [[1]] * 4


def test_literal_containers_are_fresh_for_each_run(client):
    literal = [1]
    x = delayed(append)(literal, 2)
    assert [x.compute() for _ in range(3)] == [[1, 2]] * 3
    assert literal == [1]


def add_key(d, key):
    d[key] = len(d)
    return d


@rask_only
def test_literal_containers_are_fresh_without_a_client():
    literal, nested = [1], {"a": 1}
    x = delayed(append)(literal, 2)
    y = delayed(add_key)(nested, "b")
    assert [x.compute() for _ in range(3)] == [[1, 2]] * 3
    assert [y.compute() for _ in range(3)] == [{"a": 1, "b": 1}] * 3
    assert (literal, nested) == ([1], {"a": 1})


@rask_only
def test_consumers_of_one_small_value_do_not_see_each_others_changes(client):
    """Values up to 1 KiB are decoded for each consumer; Dask shares one object, and all three see [1, 2,
    3]."""
    x = delayed(append)([], 1)
    assert compute(delayed(append)(x, 2), delayed(append)(x, 3), x) == ([1, 2], [1, 3], [1])


def test_captured_when_computed(client):
    """Lazy means late: what a delayed call refers to is read at `compute`, not before."""
    literal = [1, 2]
    x = delayed(sum)(literal)
    literal.append(3)
    assert x.compute() == 6


def test_sum_nests_3000_deep():
    assert sum(delayed(inc)(i) for i in range(3_000)).compute() == 3_000 * 3_001 // 2


@rask_only
@pytest.mark.parametrize("where", ["embedded", "cluster"])
def test_sum_nests_100_000_deep(where, request):
    """`sum()` of a list of Delayed is a chain as long as the list. Building it, running it and dropping it
    must not recurse, nor take time by the square, which this test would not live to see."""
    if where == "cluster":
        request.getfixturevalue("client")
    n = 100_000
    total = sum(delayed(same)(1) for _ in range(n))
    assert total.compute() == n
    del total


@rask_only
def test_a_chain_100_000_deep_that_is_never_computed_is_dropped():
    x = delayed(inc)(0)
    for _ in range(100_000):
        x = delayed(inc)(x)
    del x


def test_one_task_of_very_many_inputs(client):
    assert delayed(sum)([delayed(inc)(i) for i in range(500)]).compute() == 500 * 501 // 2


@rask_only
@pytest.mark.parametrize("where", ["embedded", "cluster"])
def test_sum_of_100_000_inputs(where, request):
    if where == "cluster":
        request.getfixturevalue("client")
    n = 100_000
    assert delayed(sum)([delayed(same)(1) for _ in range(n)]).compute() == n


@rask_only
def test_building_is_linear_in_a_million():
    total = delayed(sum)([delayed(same)(1) for _ in range(1_000_000)])
    assert total.compute() == 1_000_000


def test_pairwise_reduction(client):
    """Exercise 2 of the lesson, without its sleeps."""
    layer = list(range(1, 10))
    while len(layer) > 1:
        pairs = [layer[i : i + 2] for i in range(0, len(layer), 2)]
        layer = [delayed(add)(p[0], p[1] if len(p) > 1 else 0) for p in pairs]
    assert layer[0].compute() == 45
