"""`compute`, `persist`, `optimize`, `annotate` and the collection protocol; without a client and with one."""

from __future__ import annotations

import copy
import pickle

import pytest

from .peer import (
    annotate,
    compute,
    config,
    delayed,
    futures_of,
    get_annotations,
    get_worker,
    is_rask_collection,
    optimize,
    persist,
    wait,
)
from .tasks import add, div, inc, meet, note, notes, pid, same


@pytest.fixture(params=["embedded", "cluster"])
def anywhere(request):
    """Run the test on the in-process engine, then on worker processes."""
    return request.getfixturevalue("client") if request.param == "cluster" else None


def test_compute_several_at_once(anywhere):
    x, y = delayed(inc)(1), delayed(inc)(2)
    assert compute(x, y) == (2, 3)
    assert compute([x, {"a": y}], 5, "text") == ([2, {"a": 3}], 5, "text")
    assert compute() == ()
    assert compute(1, None) == (1, None)


def test_compute_shares_work(anywhere, note_path):
    x = delayed(note)(note_path, "shared")
    y, z = delayed(same)(x), delayed(same)([x])
    assert compute(x, y, z) == ("shared", "shared", ["shared"])
    assert notes(note_path) == ["shared"]


def test_equal_pure_calls_run_once(anywhere, note_path):
    f = delayed(note, pure=True)
    assert compute(f(note_path, "w"), f(note_path, "w")) == ("w", "w")
    assert notes(note_path) == ["w"]


def test_impure_calls_run_each(anywhere, note_path):
    f = delayed(note)
    compute(f(note_path, "w"), f(note_path, "w"))
    assert notes(note_path) == ["w", "w"]


def test_compute_without_traverse():
    x = delayed(inc)(1)
    ((left,),) = compute([x], traverse=False)
    assert left.key == x.key


def test_only_what_is_asked_for_runs(anywhere, note_path):
    x = delayed(note)(note_path, "x")
    delayed(same)(x)
    delayed(note)(note_path, "never")
    assert x.compute() == "x"
    assert notes(note_path) == ["x"]


def test_compute_does_not_remember(note_path):
    x = delayed(note)(note_path, "x")
    x.compute()
    x.compute()
    assert notes(note_path) == ["x", "x"]


def test_an_error_arrives_as_itself(anywhere):
    with pytest.raises(ZeroDivisionError):
        delayed(inc)(delayed(div)(1, 0)).compute()


@pytest.mark.parametrize("scheduler", ["threads", "sync", "single-threaded", "synchronous", "processes"])
def test_scheduler_names(scheduler):
    x = delayed(inc)(delayed(inc)(1))
    assert x.compute(scheduler=scheduler) == 3
    assert compute(x, x, scheduler=scheduler) == (3, 3)
    with config.set(scheduler=scheduler):
        assert x.compute() == 3


def test_an_unknown_scheduler():
    with pytest.raises(ValueError, match="threads"):
        delayed(inc)(1).compute(scheduler="no-such-scheduler")


def test_scheduler_argument_takes_a_client(client):
    import os

    assert delayed(pid)().compute(scheduler=client) != os.getpid()
    assert delayed(pid)().compute(scheduler="sync") == os.getpid()


def test_the_client_is_the_default_scheduler(client):
    import os

    assert delayed(pid)().compute() != os.getpid()


def test_num_workers():
    assert delayed(inc)(1).compute(num_workers=1) == 2


def test_independent_tasks_overlap(note_path):
    """On the embedded engine as well."""
    assert compute(delayed(meet)(note_path, 2, 1), delayed(meet)(note_path, 2, 2)) == (1, 2)


def test_persist_keeps_results(client, note_path):
    x = delayed(note)(note_path, "x").persist()
    y, (z, five) = persist(delayed(inc)(1), [delayed(inc)(2), 5])
    wait([x, y, z])
    assert (y.compute(), z.compute(), five) == (2, 3, 5)
    assert x.compute() == "x"
    assert delayed(same)([x]).compute() == ["x"]
    assert notes(note_path) == ["x"]


def test_persist_keeps_the_key_and_holds_a_future(client):
    x = delayed(inc)(1)
    p = x.persist()
    assert p.key == x.key
    (future,) = futures_of(p)
    assert future.key == x.key
    assert future.result() == 2


def test_persist_without_a_client(note_path):
    x = delayed(note)(note_path, "x").persist()
    assert (x.compute(), x.compute()) == ("x", "x")
    assert notes(note_path) == ["x"]


def test_optimize(anywhere):
    x = delayed(inc)(delayed(inc)(1))
    y, (z,), one = optimize(x, [x], 1)
    assert (y.key, z.key, one) == (x.key, x.key, 1)
    assert compute(y, z) == (3, 3)


def test_optimize_culls():
    x = delayed(inc)(1)
    both = delayed(add)(x, delayed(inc)(2))
    (lean,) = optimize(both)
    assert set(dict(lean.dask)) <= set(dict(both.dask))
    assert lean.compute() == 5


def test_fusing_is_there_behind_its_configuration(anywhere):
    x = delayed(inc)(0)
    for _ in range(9):
        x = delayed(inc)(x)
    assert len(dict(optimize(x)[0].dask)) == 10
    with config.set({"optimization.fuse.delayed": True}):
        (fused,) = optimize(x)
        assert len(dict(fused.dask)) < 10
        assert fused.key == x.key
        assert fused.compute() == 10


def test_annotations_nest():
    assert get_annotations() == {}
    with annotate(priority=1):
        with annotate(retries=3):
            assert get_annotations() == {"priority": 1, "retries": 3}
        assert get_annotations() == {"priority": 1}
    assert get_annotations() == {}


@pytest.mark.parametrize(
    "wrong",
    [{"workers": 3}, {"resources": 3}, {"priority": "high"}, {"allow_other_workers": "yes"}],
    ids=lambda d: str(*d),
)
def test_annotations_of_a_wrong_type(wrong):
    with pytest.raises(TypeError, match=next(iter(wrong))), annotate(**wrong):
        pass


def where():
    return get_worker().address


def test_annotated_workers_are_obeyed(client):
    for address in client.nthreads():
        with annotate(workers=[address]):
            x = delayed(where)()
        assert x.compute() == address


def test_annotated_retries_are_obeyed(client, note_path):
    from .tasks import fail_first

    with annotate(retries=2):
        x = delayed(fail_first)(note_path, 2)
    assert x.compute() == 3


def test_is_dask_collection():
    assert is_rask_collection(delayed(inc)(1))
    assert is_rask_collection(delayed(inc))
    for other in (1, [delayed(1)], inc, type(delayed(1)), None):
        assert not is_rask_collection(other)


def test_graph():
    x = delayed(inc)(1, dask_key_name="x")
    y = delayed(add)(x, 2, dask_key_name="y")
    graph = y.dask
    assert set(graph) == {"x", "y"}
    assert len(graph) == 2
    assert "x" in graph
    assert set(graph.layers) == {"x", "y"}
    assert graph.dependencies == {"x": set(), "y": {"x"}}
    assert "2 layers" in repr(graph)
    assert "<" in graph._repr_html_()
    assert y.__dask_keys__() == ["y"]
    assert y.__dask_graph__() is not None


def test_pickle():
    x = delayed(inc)(delayed(inc)(1))
    for copied in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert copied.key == x.key
        assert copied.compute() == 3


def test_pickle_of_persisted(client):
    x = delayed(inc)(1).persist()
    assert pickle.loads(pickle.dumps(x)).compute() == 2


def test_a_delayed_inside_a_delayed_result_stays_lazy(client):
    """Dask does not compute what a task returns: a task that returns a Delayed returns a Delayed."""
    inner = delayed(inc)(41)
    got = delayed(lambda: inner)().compute()
    assert got.key == inner.key
    assert got.compute() == 42
