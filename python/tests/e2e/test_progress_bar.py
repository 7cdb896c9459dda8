"""`diagnostics.ProgressBar`: local computations as a line of text."""

from __future__ import annotations

import importlib
import io
import threading

import pytest

from .peer import PEER, compute, delayed, rask_only
from .tasks import behind, div, inc, slow

diagnostics = importlib.import_module(f"{PEER}.diagnostics")
ProgressBar = diagnostics.ProgressBar


@pytest.fixture
def out():
    return io.StringIO()


class Watching(io.StringIO):
    """An output that opens a gate once a bar is neither empty nor full."""

    def __init__(self, gate):
        super().__init__()
        self.gate = gate

    def write(self, text):
        if any(0 < percent < 100 for percent in percents(text)):
            self.gate.open()
        return super().write(text)


def late(path):
    """The last of some calls: it waits until somebody has seen that others are done."""
    behind(path)
    return 0


def lazy(gate):
    return delayed(sum)([*[delayed(inc)(i) for i in range(20)], delayed(late)(gate.path)])


TOTAL = sum(range(1, 21))


def percents(text):
    return [int(part.rsplit("|", 1)[1].strip().rstrip("%")) for part in text.split("% Completed")[:-1]]


@pytest.mark.parametrize("scheduler", [None, "threads", "sync"])
def test_the_bar_fills_while_a_computation_runs(gate, scheduler):
    out = Watching(gate)
    with ProgressBar(out=out, dt=0.01) as bar:
        assert lazy(gate).compute(scheduler=scheduler) == TOTAL
    shown = percents(out.getvalue())
    assert shown == sorted(shown) and shown[-1] == 100
    assert out.getvalue().startswith("\r[") and out.getvalue().endswith("\n")
    assert bar.last_duration > 0


@rask_only
@pytest.mark.timeout(180)
@pytest.mark.parametrize("scheduler", [None, "processes"])
def test_worker_processes_and_clients_are_shown_as_well(gate, client, scheduler):
    out = Watching(gate)
    with ProgressBar(out=out, dt=0.01):
        assert lazy(gate).compute(scheduler=scheduler) == TOTAL
    assert out.getvalue().count("\n") == 1


def test_width_and_what_is_short(out):
    with ProgressBar(out=out, width=10):
        delayed(inc)(1).compute()
    assert f"[{'#' * 10}] | 100% Completed" in out.getvalue()
    with ProgressBar(out=out, minimum=1000) as bar:
        before = out.getvalue()
        delayed(inc)(1).compute()
    assert out.getvalue() == before
    assert bar.last_duration > 0


def test_register_and_unregister(out):
    bar = ProgressBar(out=out)
    bar.register()
    delayed(inc)(1).compute()
    bar.unregister()
    delayed(inc)(1).compute()
    assert out.getvalue().count("\n") == 1
    with pytest.raises(KeyError):
        bar.unregister()


def test_a_computation_that_fails_ends_its_line(out):
    with ProgressBar(out=out), pytest.raises(ZeroDivisionError):
        compute(delayed(div)(1, 0), *[delayed(slow)(i, 0.01) for i in range(50)])
    assert out.getvalue().endswith("\n")
    assert not [thread for thread in threading.enumerate() if thread.name == "rask-progress-bar"]


@rask_only
def test_a_closed_file_ends_no_computation(out):
    with ProgressBar(out=out) as bar:
        bar._file.close()
        assert delayed(inc)(1).compute() == 2


@rask_only
def test_computations_within_tasks_are_not_shown(out):
    def nested():
        return delayed(inc)(1).compute(scheduler="sync")

    with ProgressBar(out=out):
        assert delayed(nested)().compute() == 2
    assert out.getvalue().count("\n") == 1


@rask_only
def test_collections_of_others_are_shown(gate):
    import rask

    class Sum(rask.base.DaskMethodsMixin):
        def __dask_graph__(self):
            return {**{("x", i): (inc, i) for i in range(20)}, ("x", 20): (late, gate.path)}

        def __dask_keys__(self):
            return [("x", i) for i in range(21)]

        def __dask_postcompute__(self):
            return sum, ()

    out = Watching(gate)
    with ProgressBar(out=out, dt=0.01):
        assert Sum().compute() == TOTAL
    assert percents(out.getvalue())[-1] == 100


@rask_only
@pytest.mark.parametrize("name", ["Profiler", "ResourceProfiler", "CacheProfiler", "Callback", "visualize"])
def test_what_is_not_offered_says_what_is(name):
    with pytest.raises(NotImplementedError, match=f"rask.diagnostics.{name} is not offered. .+"):
        getattr(diagnostics, name)
    with pytest.raises(AttributeError):
        diagnostics.nothing  # noqa: B018


@rask_only
def test_without_a_bar_nothing_is_looked_at(monkeypatch):
    from rask.distributed import bars

    def no_tracker(*args):
        raise AssertionError("looked at")

    monkeypatch.setattr(bars, "Tracker", no_tracker)
    assert delayed(inc)(1).compute() == 2
