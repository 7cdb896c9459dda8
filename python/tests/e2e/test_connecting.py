"""Addresses that lead nowhere, and arguments that make no sense: errors of the right type, in bounded
time."""

from __future__ import annotations

import socket
import time

import pytest

from .peer import IS_RASK, Client, config, delayed, rask_only

DEFAULT_TIMEOUT_S = 30
"""Without `timeout=`; tests that give a short one show that it is the short one that counts."""


@pytest.fixture(autouse=True)
def no_default_client_left():
    """A client that failed to connect leaves Dask configured for it, and later tests would look for it."""
    yield
    if not IS_RASK:
        config.config.pop("scheduler", None)


@pytest.fixture
def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    return port


@pytest.fixture
def silent_port():
    """A port that accepts and never says a word."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield s.getsockname()[1]


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "tcp://127.0.0.1:{}"])
def test_connection_refused(closed_port, form):
    start = time.perf_counter()
    with pytest.raises(OSError, match=f"127.0.0.1:{closed_port}"):
        Client(form.format(closed_port), timeout=0.5)
    assert time.perf_counter() - start < DEFAULT_TIMEOUT_S


@rask_only
def test_a_port_that_says_nothing(silent_port):
    """Dask waits for the first word well beyond its time-out."""
    start = time.perf_counter()
    with pytest.raises(OSError, match=str(silent_port)):
        Client(f"127.0.0.1:{silent_port}", timeout=0.5)
    assert time.perf_counter() - start < DEFAULT_TIMEOUT_S


def test_timeout_as_text(closed_port):
    with pytest.raises(OSError):
        Client(f"127.0.0.1:{closed_port}", timeout="200ms")


def test_an_unknown_host():
    with pytest.raises(OSError, match="no-such-host"):
        Client("no-such-host.invalid:8786", timeout=0.5)


def test_an_unknown_scheme():
    with pytest.raises(ValueError, match="carrier-pigeon"):
        Client("carrier-pigeon://127.0.0.1:1", timeout=0.5)


@pytest.mark.parametrize("address", [3.5, ["127.0.0.1:1"], object()], ids=["float", "list", "object"])
def test_an_address_of_a_wrong_type(address):
    with pytest.raises(TypeError):
        Client(address, timeout=0.5)


def test_unexpected_arguments(closed_port):
    with pytest.raises((TypeError, ValueError), match="bogus"):
        Client(f"127.0.0.1:{closed_port}", timeout=0.5, bogus=1)
    with pytest.raises(TypeError, match="bogus"):
        Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0", bogus=1)


def test_a_failed_client_is_not_the_default(closed_port):
    def current():
        try:
            return Client.current()
        except ValueError:
            return None

    before = current()
    with pytest.raises(OSError):
        Client(f"127.0.0.1:{closed_port}", timeout=0.2)
    assert current() is before


@rask_only
def test_compute_after_a_failed_connection_runs_here(closed_port):
    """Dask goes on looking for the client that never was."""
    with pytest.raises(OSError):
        Client(f"127.0.0.1:{closed_port}", timeout=0.2)
    assert delayed(abs)(-1).compute() == 1


@rask_only
def test_a_server_that_is_no_scheduler():
    """Something else answers on the port, as a web server would: a bounded error, not a hang. (Dask takes
    the answer's first bytes for a length, and tries to allocate that many.)"""
    import threading

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        def answer():
            while True:
                try:
                    peer, _ = listener.accept()
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    peer.close()
                except OSError:
                    return

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(OSError, match=str(port)):
            Client(f"127.0.0.1:{port}", timeout=0.5)


def test_the_scheduler_survives_garbage():
    """Bytes that are no handshake close that connection, and nothing else."""
    from .peer import LocalCluster
    from .tasks import inc

    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, host="127.0.0.1", protocol="tcp://", dashboard_address=":0"
        ) as c,
        Client(c) as client,
    ):
        host, port = c.scheduler_address.split("//")[1].rsplit(":", 1)
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4096, b"\xff" * 65536, b"x"):
            with socket.create_connection((host, int(port)), timeout=5) as s:
                s.sendall(garbage)
                s.shutdown(socket.SHUT_WR)
                s.settimeout(10)
                try:
                    while s.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
            assert client.submit(inc, 1, pure=False).result(timeout=30) == 2
