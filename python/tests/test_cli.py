"""The command `rask` from the package: schedulers, workers and clients, each a process, that find each other.

What the command says and refuses without a worker's Python is tested in `crates/rask-cli/tests`.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from importlib import metadata
from pathlib import Path

import pytest
from e2e.programs import heed_ctrl_c

from rask.distributed import Client

pytestmark = pytest.mark.timeout(180)

PATIENCE_S = 20
RASK = [sys.executable, "-m", "rask.cli"]


class Terminal:
    """A command that runs, in a process group of its own, and the lines that it printed."""

    def __init__(self, arguments, environment):
        self.process = subprocess.Popen(
            [*RASK, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=heed_ctrl_c,
            start_new_session=True,
        )
        self.lines = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    @property
    def text(self):
        return "".join(self.lines)

    def wait_for(self, pattern):
        """Wait until the text matches, and return the match."""
        until = time.monotonic() + PATIENCE_S
        with self.changed:
            while (found := re.search(pattern, self.text)) is None:
                assert self.changed.wait(until - time.monotonic()), f"no {pattern!r} in:\n{self.text}"
        return found

    def signal(self, number):
        self.process.send_signal(number)

    def press_ctrl_c(self):
        """Do as a terminal does: every process in the foreground gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self):
        """Wait for the end and return the exit code."""
        code = self.process.wait(PATIENCE_S)
        # Worker processes hold the pipe as well: this waits for their end, too.
        self.reader.join(PATIENCE_S)
        assert not self.reader.is_alive(), f"something still runs of:\n{self.text}"
        return code

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.reader.join(PATIENCE_S)
        self.process.stdout.close()


class Desk:
    """A user without any configuration, and the terminals they opened."""

    def __init__(self, folder):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RASK_", "DASK_"))}
        self.access = folder / "clusters"
        self.environment = {**kept, "RASK_ACCESS_DIR": str(self.access)}
        self.terminals = []

    def start(self, *arguments, **environment):
        terminal = Terminal(arguments, {**self.environment, **environment})
        self.terminals.append(terminal)
        return terminal

    def scheduler(self, *arguments):
        scheduler = self.start("scheduler", "--port", "0", "--dashboard-address", ":0", *arguments)
        scheduler.wait_for("Ctrl-C ends it")
        scheduler.address = scheduler.wait_for(r"rask worker (\S+)")[1]
        return scheduler

    def worker(self, *arguments):
        worker = self.start("worker", *arguments)
        worker.wait_for("joined")
        return worker

    def access_files(self):
        return list(self.access.glob("*.json"))

    def program(self, text, *arguments):
        """Run a Python program in a process of its own and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(text), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def close(self):
        for terminal in reversed(self.terminals):
            terminal.close()


@pytest.fixture
def desk(tmp_path, monkeypatch):
    desk = Desk(tmp_path)
    for name in [name for name in os.environ if name.startswith("RASK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RASK_ACCESS_DIR", str(desk.access))
    yield desk
    desk.close()


def until(condition):
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.01)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return sys.platform != "linux"  # elsewhere there is no /proc
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_the_command_is_installed():
    (script,) = metadata.entry_points(group="console_scripts", name="rask")
    assert script.value == "rask.cli:main"


def test_three_terminals_find_each_other_without_configuration(desk):
    scheduler = desk.scheduler()
    desk.worker(scheduler.address, "--nthreads", "1")
    desk.worker("--nthreads", "1")  # joins the only scheduler there is
    said = desk.program(
        """
        import sys
        from rask.distributed import Client

        with Client(sys.argv[1]) as client:
            client.wait_for_workers(2)
            print(client.submit(sum, [1, 2, 3]).result(), sum(client.nthreads().values()))
        """,
        scheduler.address,
    )
    assert said.split() == ["6", "2"]


def test_workers_are_as_the_flags_say(desk):
    scheduler = desk.scheduler()
    size = ["--nworkers", "2", "--nthreads", "3", "--memory-limit", "1GB", "--resources", "GPU=2 MEM=10e9"]
    desk.worker(scheduler.address, "--name", "alice", *size)
    with Client(scheduler.address) as client:
        client.wait_for_workers(2)
        workers = client.scheduler_info()["workers"].values()
        assert {worker["name"] for worker in workers} == {"alice-0", "alice-1"}
        for worker in workers:
            assert (worker["nthreads"], worker["memory_limit"]) == (3, 1_000_000_000)
            assert worker["resources"] == {"GPU": 2, "MEM": 10e9}
        assert client.submit(sum, [1, 2], workers="alice-1", resources={"GPU": 1}).result() == 3


def test_what_a_task_prints_appears_in_the_terminal_of_its_worker(desk):
    scheduler = desk.scheduler()
    worker = desk.worker(scheduler.address)
    with Client(scheduler.address) as client:
        client.submit(print, "the task says hello").result()
    worker.wait_for("the task says hello")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_worker_in_the_middle_of_a_task(desk, number):
    scheduler = desk.scheduler()
    worker = desk.worker(scheduler.address, "--nthreads", "1")
    with Client(scheduler.address) as client:
        client.wait_for_workers(1)
        (pid,) = client.run(os.getpid).values()
        future = client.submit(time.sleep, 3600)
        until(lambda: any(client.processing().values()))
        worker.signal(number)
        assert worker.end() == 0
        assert not is_alive(pid)
        assert "Traceback" not in worker.text
        until(lambda: not client.nthreads())
        future.cancel()


def test_ctrl_c_in_its_terminal_ends_each(desk):
    """The signal reaches the worker processes as well, which leave it to the command."""
    scheduler = desk.scheduler()
    worker = desk.worker(scheduler.address)
    with Client(scheduler.address) as client:
        client.wait_for_workers(1)
    assert len(desk.access_files()) == 1
    for terminal in (worker, scheduler):
        terminal.press_ctrl_c()
        assert terminal.end() == 0
        assert "ended by a signal" in terminal.text
        assert "Traceback" not in terminal.text
    assert desk.access_files() == []


def test_a_killed_nanny_leaves_no_processes(desk):
    scheduler = desk.scheduler()
    worker = desk.worker(scheduler.address, "--nworkers", "2")
    with Client(scheduler.address) as client:
        client.wait_for_workers(2)
        pids = client.run(os.getpid).values()
        worker.signal(signal.SIGKILL)
        worker.end()
        until(lambda: not any(map(is_alive, pids)))
        until(lambda: not client.nthreads())


def test_a_killed_worker_process_is_started_again(desk):
    scheduler = desk.scheduler()
    desk.worker(scheduler.address, "--nthreads", "1")
    with Client(scheduler.address) as client:
        client.wait_for_workers(1)
        (pid,) = client.run(os.getpid).values()
        os.kill(pid, signal.SIGKILL)
        assert client.submit(os.getpid, pure=False).result(PATIENCE_S) != pid


def test_without_a_nanny_the_command_ends_with_its_worker(desk):
    scheduler = desk.scheduler()
    worker = desk.worker(scheduler.address, "--no-nanny", "--name", "alice")
    with Client(scheduler.address) as client:
        client.wait_for_workers(1)
        (pid,) = client.run(os.getpid).values()
        os.kill(pid, signal.SIGKILL)
        assert worker.end() == 1
        assert "the worker alice ended: signal: 9" in worker.text
        worker = desk.worker(scheduler.address, "--no-nanny")
        client.wait_for_workers(1)
        worker.signal(signal.SIGTERM)
        assert worker.end() == 0


def test_a_killed_scheduler_ends_its_workers(desk):
    scheduler = desk.scheduler()
    worker = desk.worker(scheduler.address, "--nworkers", "2")
    with Client(scheduler.address) as client:
        client.wait_for_workers(2)
        pids = client.run(os.getpid).values()
    scheduler.signal(signal.SIGKILL)
    assert worker.end() == 0
    assert not any(map(is_alive, pids))
    assert f"left tcp://{scheduler.address}" in worker.text


def test_a_client_shuts_all_of_it_down(desk):
    scheduler = desk.scheduler()
    worker = desk.worker(scheduler.address)
    client = Client(scheduler.address)
    client.wait_for_workers(1)
    client.shutdown()
    assert (scheduler.end(), worker.end()) == (0, 0)
    assert "shut down by a client" in scheduler.text
    assert desk.access_files() == []


def test_a_restarted_scheduler_takes_back_whom_it_knew(desk, tmp_path):
    """Copies of the access file outlive the scheduler's process."""
    file, copy = tmp_path / "cluster.json", tmp_path / "copy.json"
    scheduler = desk.scheduler("--access-file", str(file))
    copy.write_bytes(file.read_bytes())
    scheduler.signal(signal.SIGTERM)
    assert scheduler.end() == 0
    scheduler = desk.scheduler("--access-file", str(file))
    desk.worker(scheduler.address, "--access-file", str(copy))
    with Client(scheduler.address, access_file=str(copy)) as client:
        client.wait_for_workers(1)


def test_strangers_stay_out(desk, tmp_path):
    scheduler = desk.scheduler()
    elsewhere = {"RASK_ACCESS_DIR": str(tmp_path / "elsewhere")}
    worker = desk.start("worker", scheduler.address, **elsewhere)
    assert worker.end() == 4
    assert str(tmp_path / "elsewhere") in worker.text
    worker = desk.start("worker", scheduler.address, RASK_SECRET="00" * 32)
    assert worker.end() == 4
    assert "RASK_SECRET" in worker.text
    host, port = scheduler.address.split(":")
    with socket.create_connection((host, int(port))) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" + os.urandom(200))
        while stranger.recv(4096):
            pass
    with Client(scheduler.address) as client:
        assert client.nthreads() == {}


def test_a_port_in_use(desk):
    scheduler = desk.scheduler()
    second = desk.start("scheduler", "--port", scheduler.address.split(":")[1])
    assert second.end() == 2
    assert "is in use" in second.text
    assert len(second.lines) == 1


def test_no_scheduler(desk):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    worker = desk.start("worker", f"127.0.0.1:{port}", "--death-timeout", "0.2s")
    assert worker.end() == 3
    assert "rask scheduler" in worker.text
    alone = desk.start("worker")
    assert alone.end() == 3
    assert str(desk.access) in alone.text


def test_the_setting_of_allowed_failures_reaches_the_scheduler(desk):
    from rask.distributed import KilledWorker

    desk.environment["RASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "0"
    scheduler = desk.scheduler()
    desk.worker(scheduler.address, "--nthreads", "1")
    with Client(scheduler.address) as client, pytest.raises(KilledWorker):
        client.submit(os._exit, 3, key="deadly").result(PATIENCE_S)


def test_the_scheduler_prints_the_dashboards_link_as_the_setting_says(desk):
    desk.environment["RASK_DISTRIBUTED__DASHBOARD__LINK"] = "{A_HUBS_PREFIX}proxy/{port}/status"
    desk.environment["A_HUBS_PREFIX"] = "/user/alice/"
    scheduler = desk.scheduler()
    assert re.search(r"dashboard +/user/alice/proxy/\d+/status\?token=[0-9a-f]{32}\n", scheduler.text)
    with Client(scheduler.address) as client:
        assert client.dashboard_link.startswith("http://"), "this program has no such setting"
    del desk.environment["A_HUBS_PREFIX"]
    other = desk.scheduler()
    other.wait_for(r"rask scheduler: .*distributed\.dashboard\.link.* A_HUBS_PREFIX is neither")
    other.wait_for(r"dashboard +http://.+/status\?token=[0-9a-f]{32}\n")
