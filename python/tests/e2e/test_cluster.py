"""Starting, scaling, restarting and closing clusters; default clients; files sent to workers."""

from __future__ import annotations

import os
import re
import warnings

import pytest

from .peer import (
    CancelledError,
    Client,
    ClosedClientError,
    LocalCluster,
    WorkerStartTimeoutError,
    default_client,
    delayed,
    get_client,
    get_worker,
    rask_only,
    until,
    wait,
)
from .tasks import behind, inc, pid

QUIET = {"dashboard_address": ":0"}


def test_a_client_starts_its_own_cluster_and_closes_it():
    with Client(n_workers=1, threads_per_worker=2, **QUIET) as client:
        assert client.submit(pid).result() != os.getpid()
        assert client.nthreads() and set(client.nthreads().values()) == {2}
        cluster = client.cluster
        assert isinstance(cluster, LocalCluster)
        (worker_pid,) = client.run(os.getpid).values()
        future = client.submit(inc, 1)
        assert future.result() == 2
    assert client.status == "closed"
    assert cluster.status.name == "closed"
    assert future.status == "cancelled"
    assert repr(client) == "<Client: No scheduler connected>"
    until(lambda: not alive(worker_pid))


def alive(process_id):
    try:
        with open(f"/proc/{process_id}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_processes_false_keeps_to_this_process():
    with Client(n_workers=2, threads_per_worker=1, processes=False, **QUIET) as client:
        assert client.submit(pid).result() == os.getpid()
        assert len(client.nthreads()) == 2


def test_a_cluster_and_its_clients():
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **QUIET) as cluster:
        assert cluster.status.name == "running"
        with Client(cluster) as first, Client(cluster.scheduler_address) as second:
            assert first.submit(inc, 1).result() == second.submit(inc, 1).result() == 2
        with cluster.get_client() as third:
            assert third.submit(inc, 2).result() == 3
    assert cluster.status.name == "closed"


def test_closing_a_client_leaves_a_cluster_that_is_not_its_own(shared_cluster):
    with Client(shared_cluster) as client:
        assert client.submit(inc, 1).result() == 2
    with Client(shared_cluster) as client:
        assert client.submit(inc, 1).result() == 2


def test_closing_a_client_releases_what_it_wanted(client, shared_cluster):
    with Client(shared_cluster, set_as_default=False) as other:
        future = other.submit(inc, 1, key="wanted-by-the-other")
        wait(future)
        assert "wanted-by-the-other" in client.who_has()
    until(lambda: "wanted-by-the-other" not in client.who_has())


def test_a_closed_client_says_so(shared_cluster):
    client = Client(shared_cluster)
    future = client.submit(inc, 1)
    wait(future)
    client.close()
    client.close()
    assert client.status == "closed"
    assert future.status == "cancelled"
    with pytest.raises(ClosedClientError):
        client.submit(inc, 1)
    with pytest.raises(ClosedClientError):
        client.map(inc, [1])
    with pytest.raises(ClosedClientError):
        client.compute(delayed(inc)(1))


@rask_only
def test_a_closed_client_says_so_everywhere(shared_cluster):
    """Where Dask fails by accident (a closed loop, an attribute of None), rask names the cause."""
    client = Client(shared_cluster)
    future = client.submit(inc, 1)
    wait(future)
    client.close()
    for call in (client.nthreads, client.who_has, lambda: client.scatter([1]), lambda: client.run(pid)):
        with pytest.raises(ClosedClientError):
            call()
    with pytest.raises((CancelledError, ClosedClientError)):
        future.result()


def test_compute_after_close_runs_here(shared_cluster):
    Client(shared_cluster).close()
    assert delayed(pid)().compute() == os.getpid()


def test_the_default_client(shared_cluster):
    with Client(shared_cluster) as first:
        assert default_client() is first
        assert Client.current() is first
        assert get_client() is first
        with Client(shared_cluster) as second:
            assert Client.current() is second
            with Client(shared_cluster, set_as_default=False):
                assert Client.current() is second
        assert Client.current() is first


def test_no_client():
    for find in (default_client, Client.current, get_client):
        with pytest.raises(ValueError, match=r"[Cc]lient"):
            find()


def test_as_current(shared_cluster):
    with Client(shared_cluster) as first, Client(shared_cluster) as second:
        assert Client.current() is second
        with first.as_current():
            assert Client.current() is first
        assert Client.current() is second


def test_shutdown():
    client = Client(n_workers=1, threads_per_worker=1, processes=False, **QUIET)
    cluster = client.cluster
    client.shutdown()
    assert client.status == "closed"
    assert cluster.status.name == "closed"


def test_a_client_for_a_closed_cluster():
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **QUIET)
    cluster.close()
    with pytest.raises(RuntimeError, match="closed"):
        Client(cluster, timeout=1)


def test_wait_for_workers(client):
    assert client.wait_for_workers(2) is None
    assert client.wait_for_workers(1, timeout=1) is None
    with pytest.raises(WorkerStartTimeoutError, match="2/5") as caught:
        client.wait_for_workers(5, timeout=0.1)
    assert isinstance(caught.value, TimeoutError)
    with pytest.raises(ValueError, match="n_workers"):
        client.wait_for_workers(0)


def test_restart(fresh_client):
    client = fresh_client
    before = client.run(os.getpid)
    future = client.submit(inc, 1)
    scattered = client.scatter(5)
    wait(future)
    client.restart()
    assert (future.status, scattered.status) == ("cancelled", "cancelled")
    with pytest.raises(CancelledError):
        future.result()
    after = client.run(os.getpid)
    assert len(after) == 2
    assert not set(before.values()) & set(after.values())
    assert client.who_has() == {}
    assert client.submit(inc, 1).result() == 2


@rask_only
def test_restart_in_the_middle_of_work(fresh_client, gate):
    """Tasks run on both workers and more wait; after the restart nothing of it is left and new work runs.
    (Dask waits five seconds for the running tasks, and now and then keeps some of them afterwards.)"""
    futures = [fresh_client.submit(behind, gate.path, pure=False) for _ in range(6)]
    until(lambda: any(fresh_client.processing().values()))
    fresh_client.restart()
    assert {f.status for f in futures} == {"cancelled"}
    assert not any(fresh_client.processing().values())
    assert fresh_client.gather(fresh_client.map(inc, range(5))) == [1, 2, 3, 4, 5]


def test_scale(fresh_client):
    client, cluster = fresh_client, fresh_client.cluster
    cluster.scale(3)
    client.wait_for_workers(3, timeout=20)
    assert len(client.nthreads()) == 3
    assert client.gather(client.map(inc, range(20))) == list(range(1, 21))
    cluster.scale(1)
    until(lambda: len(client.nthreads()) == 1)
    assert client.submit(inc, 100).result() == 101
    assert re.search(r"workers=1\b", repr(cluster))


def test_scaling_down_keeps_the_results(fresh_client):
    """What the worker that goes alone had is handed over, or computed again."""
    client = fresh_client
    futures = client.map(inc, range(20), pure=False)
    wait(futures)
    client.cluster.scale(1)
    until(lambda: len(client.nthreads()) == 1)
    assert client.gather(futures) == list(range(1, 21))


def test_upload_file(client, tmp_path):
    module = tmp_path / "uploaded_module.py"
    module.write_text("def answer():\n    return 'first'\n")
    client.upload_file(str(module))

    def ask():
        import uploaded_module

        return uploaded_module.answer()

    for address in client.nthreads():
        assert client.submit(ask, workers=address, pure=False).result() == "first"
    module.write_text("def answer():\n    return 'second, after a change'\n")
    client.upload_file(str(module))
    for address in client.nthreads():
        assert client.submit(ask, workers=address, pure=False).result() == "second, after a change"


def test_upload_what_is_not_there(client, tmp_path):
    with pytest.raises(FileNotFoundError):
        client.upload_file(str(tmp_path / "nothing.py"))


def test_uploaded_files_reach_later_workers(fresh_client, tmp_path):
    module = tmp_path / "uploaded_for_later.py"
    module.write_text("answer = 42\n")
    fresh_client.upload_file(str(module))
    fresh_client.cluster.scale(3)
    fresh_client.wait_for_workers(3, timeout=20)

    def ask():
        import uploaded_for_later

        return uploaded_for_later.answer

    for address in fresh_client.nthreads():
        assert fresh_client.submit(ask, workers=address, pure=False).result() == 42


def test_no_dashboard():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as client:
                assert client.submit(abs, -1).result() == 1
                assert not client.dashboard_link


def test_a_second_cluster_on_the_dashboards_port():
    """The `Client()` cell run twice: another port, a warning, and both clusters work."""
    with Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as first:
        port = first.dashboard_link.rsplit(":", 1)[1].split("/")[0]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            second = Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=f":{port}")
        with second:
            other = second.dashboard_link.rsplit(":", 1)[1].split("/")[0]
            assert other != port
            (warning,) = [w for w in caught if w.category is UserWarning]
            assert re.search(f"(?s)[Pp]ort {port}.*in use.*{other}", str(warning.message))
            assert Client.current() is second
            assert first.submit(inc, 1).result() == second.submit(inc, 1).result() == 2
            assert first.status == "running"


def test_no_warnings_from_an_ordinary_cluster():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with Client(n_workers=1, threads_per_worker=1, processes=False, **QUIET) as client:
            assert client.submit(inc, 1).result() == 2


def test_worker_names_and_folders(client):
    def look():
        worker = get_worker()
        return worker.name, worker.local_directory, os.getcwd()

    for address, info in client.scheduler_info()["workers"].items():
        name, folder, cwd = client.submit(look, workers=address, pure=False).result()
        assert name == info["name"]
        assert folder == info["local_directory"]
        assert cwd == os.getcwd()
