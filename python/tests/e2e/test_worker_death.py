"""Workers that die: the work goes on elsewhere, who killed them is named, and nobody else is blamed."""

from __future__ import annotations

import os
import signal

import pytest

from .peer import CancelledError, KilledWorker, as_completed, delayed, get_worker, rask_only, until, wait
from .tasks import add, die, die_first, inc, noted_behind, notes, same

pytestmark = pytest.mark.timeout(180)


def where_processing(client, key):
    for address, keys in client.processing().items():
        if key in keys:
            return address
    return None


def kill(client, address):
    process_id = client.run(os.getpid, workers=[address])[address]
    os.kill(process_id, signal.SIGKILL)
    return process_id


def test_killed_in_the_middle_of_a_task(fresh_client, gate, note_path):
    """The slice of the issue: submit, kill the worker that runs the task, and the answer still arrives,
    from the other."""
    future = fresh_client.submit(noted_behind, gate.path, note_path, "answer", pure=False)
    until(lambda: notes(note_path))
    kill(fresh_client, where_processing(fresh_client, future.key))
    until(lambda: len(notes(note_path)) == 2)
    gate.open()
    assert future.result(timeout=20) == "answer"
    assert notes(note_path) == ["began", "began"]


def test_a_task_that_ends_its_process_once(fresh_client, note_path):
    assert fresh_client.submit(die_first, note_path, 1).result(timeout=20) == "alive"
    assert len(notes(note_path)) == 2


def test_a_dead_worker_is_replaced(fresh_client):
    """The nanny starts a new process, under the same name, and it takes work."""
    names = {w["name"] for w in fresh_client.scheduler_info()["workers"].values()}
    victim = next(iter(fresh_client.nthreads()))
    dead = kill(fresh_client, victim)

    def replaced():
        try:
            pids = fresh_client.run(os.getpid)
        except OSError:
            return False  # the call met the worker on its way out
        return len(pids) == 2 and dead not in pids.values()

    until(replaced, step_s=0.05)
    assert {w["name"] for w in fresh_client.scheduler_info()["workers"].values()} == names
    assert fresh_client.gather(fresh_client.map(inc, range(10))) == list(range(1, 11))


def test_lost_results_are_computed_again(fresh_client):
    """Results that lived on the dead worker alone come back, with what they were made from."""
    base = fresh_client.map(same, [bytes([i]) * 10_000 for i in range(8)], pure=False)
    sizes = fresh_client.map(len, base, pure=False)
    wait(sizes)
    kill(fresh_client, next(iter(fresh_client.nthreads())))
    assert fresh_client.gather(sizes) == [10_000] * 8
    assert [data[0] for data in fresh_client.gather(base)] == list(range(8))
    assert fresh_client.submit(sum, sizes).result(timeout=20) == 80_000


@rask_only
def test_a_small_result_that_was_seen_never_changes(fresh_client):
    """Small results ride in completions and are kept by the scheduler: they outlive their worker, and do
    not run again."""

    def here():
        return os.getpid(), get_worker().address

    future = fresh_client.submit(here, pure=False)
    seen = future.result()
    address = seen[1]
    kill(fresh_client, address)
    until(lambda: address not in fresh_client.nthreads())
    assert future.result(timeout=30) == seen
    assert fresh_client.submit(same, future, pure=False).result(timeout=30) == seen


def test_scattered_data_die_with_their_worker(fresh_client):
    """Nobody can compute them again: their futures are cancelled, and what needs them says so."""
    address = next(iter(fresh_client.nthreads()))
    future = fresh_client.scatter(b"x" * 100_000, workers=[address])
    kill(fresh_client, address)
    until(lambda: future.status in ("cancelled", "lost"))
    with pytest.raises(CancelledError):
        future.result(timeout=30)
    assert fresh_client.submit(inc, 1).result(timeout=20) == 2


def test_broadcast_data_survive_one_death(fresh_client):
    future = fresh_client.scatter(b"x" * 100_000, broadcast=True)
    until(lambda: len(fresh_client.who_has(future)[future.key]) == 2)
    kill(fresh_client, next(iter(fresh_client.nthreads())))
    assert len(future.result(timeout=30)) == 100_000


def test_killed_worker(fresh_client):
    """A task that kills four workers is given up; results and other tasks are unharmed."""
    good = fresh_client.map(inc, range(10), pure=False)
    wait(good)
    killer = fresh_client.submit(die, key="the-killer", pure=False)
    with pytest.raises(KilledWorker, match="the-killer") as caught:
        killer.result(timeout=50)
    assert caught.value.task == "the-killer"
    assert caught.value.allowed_failures == 3
    assert caught.value.last_worker is not None
    assert killer.status == "error"
    assert fresh_client.gather(good) == list(range(1, 11))
    fresh_client.wait_for_workers(2, timeout=20)
    assert fresh_client.submit(inc, 100, pure=False).result(timeout=20) == 101


def test_dependents_of_a_killer(fresh_client):
    killer = fresh_client.submit(die, pure=False)
    with pytest.raises(KilledWorker):
        fresh_client.submit(inc, killer).result(timeout=50)


@rask_only
def test_those_who_waited_beside_the_killer_are_not_blamed(fresh_client):
    """Many short tasks queue up on the workers that a killer takes down, four times: all of them finish.
    (Dask blames whatever the dead worker had been assigned.)"""
    bystanders = fresh_client.map(inc, range(200), pure=False)
    killer = fresh_client.submit(die, pure=False)
    more = fresh_client.map(inc, range(200), pure=False)
    with pytest.raises(KilledWorker):
        killer.result(timeout=50)
    assert fresh_client.gather(bystanders + more) == list(range(1, 201)) * 2


def test_a_graph_over_a_death(fresh_client, gate, note_path):
    """A persisted graph is half done when a worker dies: the sum is right all the same."""
    layer = [delayed(inc)(i) for i in range(16)]
    middle = delayed(noted_behind)(gate.path, note_path, 1000)
    future = fresh_client.compute(delayed(sum)([delayed(add)(x, middle) for x in layer]))
    until(lambda: notes(note_path))
    kill(fresh_client, next(iter(fresh_client.nthreads())))
    gate.open()
    assert future.result(timeout=30) == sum(range(1, 17)) + 16 * 1000


def test_as_completed_over_a_death(fresh_client, gate, note_path):
    futures = [fresh_client.submit(noted_behind, gate.path, note_path, i, pure=False) for i in range(6)]
    iterator = as_completed(futures)
    until(lambda: len(notes(note_path)) == 2)
    kill(fresh_client, next(iter(fresh_client.nthreads())))
    gate.open()
    assert sorted(f.result() for f in iterator) == list(range(6))


def test_every_worker_dies(fresh_client, gate, note_path):
    futures = [fresh_client.submit(noted_behind, gate.path, note_path, i, pure=False) for i in range(2)]
    until(lambda: len(notes(note_path)) == 2)
    for process_id in fresh_client.run(os.getpid).values():
        os.kill(process_id, signal.SIGKILL)
    gate.open()
    assert fresh_client.gather(futures) == [0, 1]
    assert fresh_client.submit(inc, 1).result(timeout=20) == 2


def test_the_death_is_noticed_at_once(fresh_client, gate, note_path):
    """A process that ends closes its sockets: no heartbeat has to time out first, which takes minutes."""
    future = fresh_client.submit(noted_behind, gate.path, note_path, pure=False)
    until(lambda: notes(note_path))
    kill(fresh_client, where_processing(fresh_client, future.key))
    until(lambda: len(notes(note_path)) == 2)
    gate.open()
    future.result(timeout=30)


def test_no_processes_are_left_behind():
    from .peer import Client
    from .test_cluster import alive

    with Client(n_workers=2, threads_per_worker=1, dashboard_address=":0") as client:
        pids = list(client.run(os.getpid).values())
        os.kill(pids[0], signal.SIGKILL)
        until(
            lambda: (
                len(client.nthreads()) == 1
                or pids[0] not in client.run(os.getpid, on_error="ignore").values()
            )
        )
        client.wait_for_workers(2, timeout=20)
        pids += client.run(os.getpid).values()
    until(lambda: not any(alive(p) for p in pids))
