"""`rask.annotations`: nesting, validation, and that nobody sees another's."""

from __future__ import annotations

import asyncio
import decimal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rask.annotations import annotate, get_annotations


def test_nesting_and_leaving():
    assert get_annotations() == {}
    with annotate(a=1, b=2):
        with annotate(b=3, retries=2):
            assert get_annotations() == {"a": 1, "b": 3, "retries": 2}
        assert get_annotations() == {"a": 1, "b": 2}
    assert get_annotations() == {}


def test_left_by_an_error():
    with annotate(x=1):
        with pytest.raises(ZeroDivisionError), annotate(x=2):
            _ = 1 / 0
        assert get_annotations() == {"x": 1}
    assert get_annotations() == {}


def test_what_is_returned_is_a_copy():
    with annotate(x=1):
        get_annotations()["y"] = 2
        assert get_annotations() == {"x": 1}


def by_key(key):
    return key


@pytest.mark.parametrize(
    "annotations",
    [
        {"priority": 1.5},
        {"priority": by_key},
        {"priority": decimal.Decimal(1)},
        {"retries": 2},
        {"retries": by_key},
        {"workers": ["a", "b"]},
        {"workers": by_key},
        {"resources": {"GPU": 1}},
        {"resources": by_key},
        {"allow_other_workers": True},
        {"allow_other_workers": by_key},
        {"anything": None},
        {},
    ],
)
def test_valid(annotations):
    with annotate(**annotations):
        assert get_annotations() == annotations


@pytest.mark.parametrize("workers", ["alice", ["alice"], ("alice",), {"alice"}])
def test_workers_become_a_list(workers):
    with annotate(workers=workers):
        assert get_annotations() == {"workers": ["alice"]}


@pytest.mark.parametrize(
    "annotations",
    [
        {"priority": "x"},
        {"priority": None},
        {"retries": "x"},
        {"workers": 3},
        {"workers": None},
        {"resources": "x"},
        {"allow_other_workers": 1},
        {"allow_other_workers": None},
    ],
)
def test_invalid(annotations):
    [name] = annotations
    with pytest.raises(TypeError, match=f"'{name}' annotation must be"), annotate(**annotations):
        pass
    assert get_annotations() == {}


def test_threads_do_not_see_each_others():
    both_in, both_read = threading.Barrier(2), threading.Barrier(2)

    def f(n):
        with annotate(foo=n):
            both_in.wait(10)
            seen = get_annotations()
            both_read.wait(10)
            return seen

    with annotate(main=1), ThreadPoolExecutor(2) as pool:
        assert list(pool.map(f, [1, 2])) == [{"foo": 1}, {"foo": 2}]


def test_asyncio_tasks_do_not_see_each_others():
    async def f(n, barrier):
        with annotate(foo=n):
            barrier[n].set()
            await barrier[1 - n].wait()
            return get_annotations()

    async def main():
        barrier = [asyncio.Event(), asyncio.Event()]
        with annotate(outer=1):
            seen = await asyncio.gather(f(0, barrier), f(1, barrier))
            assert get_annotations() == {"outer": 1}
        return seen

    assert asyncio.run(main()) == [{"outer": 1, "foo": 0}, {"outer": 1, "foo": 1}]


def test_used_twice_and_nested_in_itself():
    x = annotate(x=1)
    with x, x:
        assert get_annotations() == {"x": 1}
    with x:
        assert get_annotations() == {"x": 1}
    assert get_annotations() == {}


def test_one_annotate_in_several_threads():
    x = annotate(x=1)
    entered, left = threading.Event(), threading.Event()

    def other():
        with x:
            entered.set()
            left.wait(10)
            return get_annotations()

    with ThreadPoolExecutor(1) as pool:
        with x:
            future = pool.submit(other)
            entered.wait(10)
        assert get_annotations() == {}
        left.set()
        assert future.result() == {"x": 1}


def test_as_a_decorator():
    @annotate(x=1)
    def f(depth):
        """Say what is in force."""
        return f(depth - 1) if depth else get_annotations()

    assert f(0) == f(2) == {"x": 1}
    assert (f.__name__, f.__doc__) == ("f", "Say what is in force.")
    assert get_annotations() == {}


def test_repr():
    assert repr(annotate(priority=1, workers="a")) == "annotate(priority=1, workers=['a'])"
