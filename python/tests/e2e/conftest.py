"""Clusters for the tests: one for the session where nobody breaks it, fresh ones where somebody does."""

from __future__ import annotations

import warnings

import pytest

from .peer import IS_RASK, Client, LocalCluster, until

TEST_SECONDS_MAX = 90


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "rask_only: promised by rask beyond what Dask does; not run against the peer"
    )
    if not IS_RASK:
        # The project turns warnings into errors; what the peer leaves unclosed is not ours to mend.
        config.addinivalue_line("filterwarnings", "default")
        warnings.simplefilter("default")


def pytest_collection_modifyitems(items):
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS_MAX))
        if not IS_RASK and item.get_closest_marker("rask_only"):
            item.add_marker(pytest.mark.skip(reason="rask promises more than its peer here"))


class Gate:
    """A file for which tasks wait (see `tasks.behind`), so that a test decides when they end and nothing
    sleeps."""

    def __init__(self, path):
        self.file = path
        self.path = str(path)

    def open(self):
        self.file.touch()


@pytest.fixture
def gate(tmp_path):
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


@pytest.fixture
def note_path(tmp_path):
    """A file in which tasks leave notes, counted with `tasks.notes`."""
    return str(tmp_path / "notes")


class Shared:
    """The session's cluster of worker processes; made anew when a test has left it busy or broken."""

    def __init__(self):
        self._cluster = None

    def get(self):
        if self._cluster is None:
            self._cluster = LocalCluster(
                n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0"
            )
            with Client(self._cluster) as client:
                client.wait_for_workers(2, timeout=30)
        return self._cluster

    def discard(self):
        if self._cluster is not None:
            cluster, self._cluster = self._cluster, None
            cluster.close()


@pytest.fixture(scope="session")
def _shared():
    shared = Shared()
    yield shared
    shared.discard()


@pytest.fixture
def shared_cluster(_shared):
    return _shared.get()


def is_idle(client):
    try:
        until(lambda: len(client.nthreads()) == 2 and not any(client.processing().values()), timeout_s=3)
    except Exception:
        return False
    return True


@pytest.fixture
def client(_shared):
    """A client of a cluster of two real worker processes. For tests that leave the workers alive."""
    with Client(_shared.get()) as client:
        yield client
        idle = is_idle(client)
    if not idle:
        _shared.discard()


@pytest.fixture(scope="session")
def threads_cluster():
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def threads_client(threads_cluster):
    """A client whose worker lives in this process."""
    with Client(threads_cluster) as client:
        yield client


@pytest.fixture
def fresh_client():
    """A cluster of this test's own, to kill, restart and scale."""
    with Client(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as client:
        client.wait_for_workers(2, timeout=30)
        yield client
