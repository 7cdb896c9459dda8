"""Where and when tasks run: `workers`, `allow_other_workers`, `resources`, `priority`."""

from __future__ import annotations

import time

import pytest

from .peer import Client, annotate, delayed, get_worker, reached_the_workers, until, wait
from .tasks import behind, inc, note, noted_behind, notes

NOWHERE = "tcp://127.0.0.1:1"


def where(_=None):
    return get_worker().address


def where_slow(_=None):
    time.sleep(0.02)
    return where()


def test_workers_by_address(client):
    for address in client.nthreads():
        for form in (address, [address], {address}, (address,)):
            assert client.submit(where, pure=False, workers=form).result() == address


def test_workers_by_name(client):
    names = {w["name"]: address for address, w in client.scheduler_info()["workers"].items()}
    for name, address in names.items():
        assert client.submit(where, pure=False, workers=name).result() == address
        assert client.submit(where, pure=False, workers=[name]).result() == address


def test_workers_for_a_map(client):
    address = list(client.nthreads())[1]
    assert set(client.gather(client.map(where, range(8), workers=address, pure=False))) == {address}


def test_workers_for_compute(client):
    for address in client.nthreads():
        assert client.compute(delayed(where)(), workers=address).result() == address
        assert client.persist(delayed(where)(), workers=[address]).compute() == address


def test_unknown_workers_make_a_task_wait(client):
    future = client.submit(inc, 1, workers=NOWHERE, pure=False)
    assert client.submit(inc, 2).result() == 3
    assert future.status == "pending"
    assert not any(future.key in keys for keys in client.processing().values())
    future.cancel()


def test_allow_other_workers(client):
    assert client.submit(inc, 1, workers=NOWHERE, allow_other_workers=True, pure=False).result() == 2
    address = next(iter(client.nthreads()))
    assert (
        client.submit(where, workers=address, allow_other_workers=True, pure=False).result()
        in client.nthreads()
    )


def test_allow_other_workers_needs_workers(client):
    with pytest.raises(ValueError, match="workers"):
        client.submit(inc, 1, allow_other_workers=True, pure=False)
    with pytest.raises(TypeError, match="allow_other_workers"):
        client.submit(inc, 1, workers=NOWHERE, allow_other_workers="yes", pure=False)


@pytest.fixture(scope="module")
def gpu_cluster():
    with Client(n_workers=2, threads_per_worker=2, resources={"GPU": 1}, dashboard_address=":0") as client:
        client.wait_for_workers(2, timeout=20)
        yield client.cluster


@pytest.fixture
def gpu_client(gpu_cluster):
    with Client(gpu_cluster) as client:
        yield client


def test_resources_limit_what_runs_together(gpu_client, gate, note_path):
    """Four threads, but two units of GPU: of four tasks that want one, two begin, and the others when
    those end."""
    futures = [
        gpu_client.submit(noted_behind, gate.path, note_path, i, resources={"GPU": 1}, pure=False)
        for i in range(4)
    ]
    until(lambda: len(notes(note_path)) == 2)
    time.sleep(0.1)
    assert len(notes(note_path)) == 2
    gate.open()
    assert gpu_client.gather(futures) == [0, 1, 2, 3]


def test_resources_leave_other_tasks_alone(gpu_client, gate, note_path):
    held = [
        gpu_client.submit(noted_behind, gate.path, note_path, resources={"GPU": 1}, pure=False)
        for _ in range(3)
    ]
    until(lambda: len(notes(note_path)) == 2)
    assert gpu_client.gather(gpu_client.map(inc, range(10))) == list(range(1, 11))
    gate.open()
    gpu_client.gather(held)


def test_resources_by_annotation_and_for_compute(gpu_client):
    with annotate(resources={"GPU": 1}):
        assert delayed(inc)(1).compute() == 2
    assert gpu_client.compute(delayed(inc)(1), resources={"GPU": 1}).result() == 2


def test_resources_that_nobody_has(gpu_client):
    """The task waits, as in Dask, and nothing else waits with it."""
    too_much = gpu_client.submit(inc, 1, resources={"GPU": 2}, pure=False)
    unknown = gpu_client.submit(inc, 1, resources={"QPU": 1}, pure=False)
    assert gpu_client.submit(inc, 2).result() == 3
    assert (too_much.status, unknown.status) == ("pending", "pending")
    assert not any(gpu_client.processing().values())
    gpu_client.cancel([too_much, unknown])


def test_resources_are_shown(gpu_client):
    assert all(w["resources"] == {"GPU": 1} for w in gpu_client.scheduler_info()["workers"].values())


def test_priority(client, gate, note_path, tmp_path):
    """Both threads of one worker are held, and one of them comes free: what was submitted meanwhile runs on
    it in the order of its priority."""
    address = next(iter(client.nthreads()))
    began = note_path + "-began"
    held = [
        client.submit(noted_behind, path, began, pure=False, workers=address)
        for path in (gate.path, str(tmp_path / "other gate"))
    ]
    until(lambda: len(notes(began)) == 2)
    futures = []
    for word, priority in (("low", -10), ("middle", 0), ("high", 10)):
        for _ in range(4):
            futures.append(
                client.submit(note, note_path, word, pure=False, workers=address, priority=priority)
            )
    reached_the_workers(client)
    gate.open()
    wait(futures)
    assert notes(note_path) == ["high"] * 4 + ["middle"] * 4 + ["low"] * 4
    (tmp_path / "other gate").touch()
    wait(held)


def test_priority_of_compute_and_map(client):
    assert client.compute(delayed(inc)(1), priority=5).result() == 2
    assert client.gather(client.map(inc, range(3), priority=-5, pure=False)) == [1, 2, 3]
    with annotate(priority=3):
        assert delayed(inc)(1).compute() == 2


def test_priority_must_be_a_number(client):
    with pytest.raises(TypeError):
        client.submit(inc, 1, priority="high", pure=False).result(timeout=30)


def test_both_workers_are_used(client, gate, note_path):
    """Four threads on two workers, four tasks that wait: each finds a thread."""
    futures = [client.submit(noted_behind, gate.path, note_path, i, pure=False) for i in range(4)]
    until(lambda: len(notes(note_path)) == 4)
    assert all(len(keys) == 2 for keys in client.processing().values())
    gate.open()
    assert client.gather(futures) == [0, 1, 2, 3]


def test_idle_workers_take_from_busy_ones(client, gate, note_path):
    """A worker whose threads are both held up loses what waits behind them."""
    held, free = client.nthreads()
    holding = client.map(noted_behind, [gate.path] * 2, [note_path] * 2, workers=held, pure=False)
    until(lambda: len(notes(note_path)) == 2)
    others = client.map(where_slow, range(24), pure=False)
    assert set(client.gather(others)) == {free}
    gate.open()
    wait(holding)


def test_a_task_goes_where_its_large_input_is(client):
    address = list(client.nthreads())[1]
    large = client.submit(lambda: b"x" * 20_000_000, workers=address, pure=False)
    wait(large)
    assert client.submit(lambda data: get_worker().address, large, pure=False).result() == address


def test_held_tasks_do_not_hold_others(client, gate):
    held = client.submit(behind, gate.path, pure=False)
    assert client.gather(client.map(inc, range(50), pure=False)) == list(range(1, 51))
    gate.open()
    held.result()
