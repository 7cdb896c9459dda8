"""`retries`, `retry`, and what happens when a call that erred is submitted again."""

from __future__ import annotations

import gc

import pytest

from .peer import delayed, rask_only, until, wait
from .tasks import fail_first, inc, notes, same


def forgotten(client, key):
    return until(lambda: key not in client.who_has())


def test_retries(client, note_path):
    assert client.submit(fail_first, note_path, 2, retries=2).result() == 3
    assert notes(note_path) == ["ran"] * 3


def test_too_few_retries(client, note_path):
    with pytest.raises(ValueError, match="run 3"):
        client.submit(fail_first, note_path, 5, retries=2).result()
    assert notes(note_path) == ["ran"] * 3


def test_no_retries_by_default(client, note_path):
    with pytest.raises(ValueError, match="run 1"):
        client.submit(fail_first, note_path).result()
    assert notes(note_path) == ["ran"]


def test_retries_for_compute(client, note_path):
    assert client.compute(delayed(fail_first)(note_path, 1), retries=1).result() == 2


def test_retry(client, note_path):
    future = client.submit(fail_first, note_path)
    wait(future)
    assert future.status == "error"
    assert future.retry() is None
    assert future.result() == 2


def test_retry_on_the_client(client, tmp_path):
    futures = [client.submit(fail_first, str(tmp_path / name)) for name in "ab"]
    wait(futures)
    client.retry(futures)
    assert client.gather(futures) == [2, 2]


def test_retry_reruns_the_ancestor_that_erred(client, note_path):
    first = client.submit(fail_first, note_path)
    middle = client.submit(same, first)
    last = client.submit(inc, middle)
    wait(last)
    assert last.status == "error"
    last.retry()
    assert last.result() == 3
    assert first.result() == 2


@rask_only
def test_retry_reruns_ancestors_that_nobody_holds(client, note_path):
    """As above, with the futures in between dropped. (Dask fails with a KeyError of its own.)"""
    last = client.submit(inc, client.submit(same, client.submit(fail_first, note_path)))
    wait(last)
    last.retry()
    assert last.result() == 3


def test_an_equal_call_while_the_erred_future_is_held_does_not_run(client, note_path):
    """Equal pure calls are one task: as long as somebody holds the erred one, its error is the answer."""
    first = client.submit(fail_first, note_path)
    wait(first)
    second = client.submit(fail_first, note_path)
    wait(second)
    assert (first.status, second.status) == ("error", "error")
    assert first.key == second.key
    with pytest.raises(ValueError, match="run 1"):
        second.result()
    assert notes(note_path) == ["ran"]


def test_rebinding_the_name_holds_the_erred_future_long_enough(client, note_path):
    """`f = client.submit(...)` twice: the new call is made while `f` still names the erred one, so it does
    not run."""
    future = client.submit(fail_first, note_path)
    wait(future)
    future = client.submit(fail_first, note_path)
    wait(future)
    assert future.status == "error"
    assert notes(note_path) == ["ran"]


def test_an_equal_call_after_the_erred_future_is_gone_runs(client, note_path):
    future = client.submit(fail_first, note_path)
    wait(future)
    key = future.key
    del future
    forgotten(client, key)
    assert client.submit(fail_first, note_path).result() == 2


def test_an_equal_call_after_release_runs(client, note_path):
    future = client.submit(fail_first, note_path)
    with pytest.raises(ValueError):
        future.result()
    future.release()
    forgotten(client, future.key)
    assert client.submit(fail_first, note_path).result() == 2


@rask_only
def test_the_raised_error_does_not_hold_the_future(client, note_path):
    """In Dask the error raised by `result()` refers to the future through its traceback, so that the erred
    task lives on and the same error comes back however often the cell is run; in rask an erred call that
    nobody holds runs again."""
    for run in (1, 2):
        try:
            client.submit(fail_first, note_path, 2).result()
        except ValueError as error:
            assert f"run {run}" in str(error)
    gc.collect()
    assert client.submit(fail_first, note_path, 2).result() == 3


@rask_only
def test_a_repeated_map_and_gather_runs_again(client, note_path):
    """The notebook cell `client.gather(client.map(...))`, run again after an error."""

    def cell():
        return client.gather(client.map(fail_first, [note_path]))

    with pytest.raises(ValueError, match="run 1"):
        cell()
    assert cell() == [2]


def test_a_repeated_compute_runs_again(client, note_path):
    x = delayed(fail_first, pure=True)(note_path)
    with pytest.raises(ValueError, match="run 1"):
        x.compute()
    until(lambda: x.key not in client.who_has())
    assert x.compute() == 2


def test_an_impure_call_always_runs(client, note_path):
    first = client.submit(fail_first, note_path, pure=False)
    wait(first)
    assert client.submit(fail_first, note_path, pure=False).result() == 2
    assert first.status == "error"
