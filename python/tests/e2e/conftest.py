"""Clusters for the tests: one for the session where nobody breaks it, fresh ones where somebody does."""

from __future__ import annotations

import warnings

import pytest

from .peer import IS_RASK, Client, LocalCluster

TEST_SECONDS_MAX = 30


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


@pytest.fixture(scope="session")
def shared_cluster():
    with LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            client.wait_for_workers(2, timeout=30)
        yield cluster


@pytest.fixture
def client(shared_cluster):
    """A client of a cluster of two real worker processes. For tests that leave the workers alive."""
    with Client(shared_cluster) as client:
        yield client


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
