"""`progress` in a terminal, and `fire_and_forget`."""

from __future__ import annotations

import gc

import pytest

from .peer import (
    annotate,
    delayed,
    fire_and_forget,
    futures_of,
    persist,
    progress,
    rask_only,
    reached_the_workers,
    until,
    wait,
)
from .tasks import behind, div, inc, note, notes, slow


def test_progress_writes_a_bar_and_waits(client, capsys):
    futures = client.map(slow, range(6), seconds=0.1, pure=False)
    assert progress(futures, notebook=False) is None
    assert all(f.done() for f in futures)
    out = capsys.readouterr().out
    assert "[" in out and "#" in out and "]" in out
    assert "100% Completed" in out
    assert "\r" in out


def test_progress_of_one_future_and_of_several_arguments(client, capsys):
    a, b = client.submit(inc, 1), client.submit(inc, 2)
    progress(a, notebook=False)
    progress(a, b, notebook=False)
    assert a.done() and b.done()
    assert "Completed" in capsys.readouterr().out


def test_progress_of_a_persisted_collection(client, capsys):
    x, y = persist(delayed(slow)(1, 0.05), delayed(slow)(2, 0.05))
    progress(x, y, notebook=False)
    assert "100% Completed" in capsys.readouterr().out
    assert (x.compute(), y.compute()) == (1, 2)


def test_progress_over_an_error_ends(client, capsys):
    futures = [client.submit(inc, 1), client.submit(div, 1, 0)]
    progress(futures, notebook=False)
    assert {f.status for f in futures} == {"finished", "error"}
    capsys.readouterr()


def test_fire_and_forget(client, gate, note_path):
    """The future is dropped while its task still waits; the task runs all the same."""
    future = client.submit(note, client.submit(behind, gate.path, note_path, pure=False), "ran", pure=False)
    fire_and_forget(future)
    del future
    gc.collect()
    assert client.submit(inc, 1).result() == 2
    assert notes(note_path) == []
    gate.open()
    until(lambda: notes(note_path) == ["ran"])


def test_fire_and_forget_a_chain(client, note_path):
    first = client.submit(slow, note_path, 0.1, pure=False)
    last = client.submit(note, first, "ran", pure=False)
    fire_and_forget(last)
    del first, last
    gc.collect()
    until(lambda: notes(note_path) == ["ran"])


def test_without_it_what_is_dropped_before_it_begins_need_not_run(client, gate, note_path):
    """All threads are held; a task behind them whose future is dropped is forgotten."""
    held = [client.submit(behind, gate.path, pure=False) for _ in range(8)]
    future = client.submit(note, note_path, "ran", pure=False, priority=-1)
    key = future.key
    reached_the_workers(client)
    del future
    gc.collect()
    until(lambda: key not in client.who_has())
    gate.open()
    client.gather(held)
    assert notes(note_path) == []


def test_fire_and_forget_a_persisted_delayed(client, note_path):
    fire_and_forget(client.compute(delayed(note)(note_path, "ran")))
    gc.collect()
    until(lambda: notes(note_path) == ["ran"])


def test_what_was_forgotten_is_released_when_done(client, note_path):
    future = client.submit(note, note_path, "ran", pure=False)
    key = future.key
    fire_and_forget(future)
    del future
    until(lambda: notes(note_path) == ["ran"])
    until(lambda: key not in client.who_has())


@pytest.mark.parametrize("thing", [3, None, "text"])
def test_fire_and_forget_what_is_no_future_does_nothing(client, thing):
    assert fire_and_forget(thing) is None


@rask_only
def test_progress_says_what_failed_and_what_was_given_up(client, capsys):
    futures = [client.submit(inc, 1), client.submit(div, 1, 0)]
    progress(futures, notebook=False)
    assert capsys.readouterr().out.endswith(" (1 erred)\n")


@rask_only
def test_progress_counts_tasks_between_the_futures(client, gate):
    from rask.distributed.bars import Tracker

    (x,) = persist(delayed(len)([*[delayed(inc)(i) for i in range(20)], delayed(behind)(gate.path)]))
    tracker = Tracker(futures_of(x))

    def rows():
        counts, over = tracker.look()
        return {name: (count.done, count.total) for name, count in counts.items()}, over

    until(lambda: rows() == ({"inc": (20, 20), "behind": (0, 1), "len": (0, 1)}, False))
    gate.open()
    until(lambda: rows() == ({"inc": (20, 20), "behind": (1, 1), "len": (1, 1)}, True))


@rask_only
def test_what_a_failed_graph_left_is_not_done(client, gate):
    from rask.distributed.bars import Tracker

    def fail(path, when):
        behind(when)
        raise ValueError(path)

    trap = gate.file.with_name("trap")
    with annotate(priority=10):
        bad = delayed(fail)(gate.path, str(trap))
    (x,) = persist(delayed(max)([bad, *[delayed(behind)(gate.path) for _ in range(8)]]))
    tracker = Tracker(futures_of(x))
    counts, _ = tracker.look()
    assert counts["behind"].left == 8
    trap.touch()
    until(lambda: futures_of(x)[0].status == "error")
    counts, over = tracker.look()
    assert over and counts["max"].erred == 1
    assert counts["behind"].total == counts["behind"].gone == 8
    gate.open()


@rask_only
def test_progress_groups_as_it_is_told(client):
    from rask.distributed.bars import Tracker

    futures = client.map(inc, range(10)) + client.map(slow, range(2), seconds=0)
    wait(futures)
    counts, over = Tracker(futures, group_by=lambda key: ("all", 1)).look()
    assert over and list(counts) == ["all"] and counts["all"].done == 12
    assert list(Tracker(futures).look()[0]) == ["inc", "slow"]
    for wrong, kind in (("spans", NotImplementedError), ("colour", ValueError)):
        with pytest.raises(kind, match="group_by"):
            progress(futures, group_by=wrong)


@rask_only
def test_progress_of_what_is_not_complete(client, gate):
    from rask.distributed.bars import Tracker

    done = client.map(inc, range(5))
    wait(done)
    held = client.submit(behind, gate.path, pure=False)
    assert sum(count.total for count in Tracker([*done, held]).look()[0].values()) == 6
    assert sum(count.total for count in Tracker([*done, held], complete=False).look()[0].values()) == 1
    gate.open()


@rask_only
def test_progress_keeps_nothing_alive(client, gate):
    from rask.distributed.bars import Tracker

    held = client.submit(behind, gate.path, pure=False)
    tracker = Tracker([held])
    del held
    gc.collect()
    until(lambda: tracker.look()[1])
    assert tracker.look()[0]["behind"].gone == 1


@rask_only
def test_progress_of_nothing(client, capsys):
    assert progress([], notebook=False) is None
    assert capsys.readouterr().out == ""
