"""The sides that are compared: how each is started, counted and closed.

A *graph* side has Dask's surface (`delayed`, `client`); a *pool* side can map and submit single calls, a
*mapper* only map; the *plain* side is a loop. No side is given tasks in bundles: where a pool has a chunk
size, it is one.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import functions

WORKERS = 2
START_TIMEOUT_S = 60


class Side:
    """What the workloads use of a side."""

    family = "pool"

    def start(self) -> None:
        """Start what runs the tasks."""

    def close(self) -> None:
        """End it."""

    def executions(self) -> int:
        """How many tasks its workers have run."""
        return functions.executions()


class Plain(Side):
    """A loop in this process."""

    family = "plain"


class GraphSide(Side):
    """A cluster with Dask's surface: a client is connected to it."""

    family = "graph"
    package = ""
    dashboard = ("--no-dashboard",)

    def __init__(self):
        self.client = None
        self.scheduler_pid = None
        self._stack = contextlib.ExitStack()

    @property
    def delayed(self):
        return __import__(self.package).delayed

    @property
    def distributed(self):
        return __import__(self.package + ".distributed", fromlist=["Client"])

    def executions(self):
        return sum(self.client.run(functions.executions).values())

    def worker_pids(self) -> list[int]:
        return list(self.client.run(os.getpid).values())

    def close(self):
        if self.client is not None:
            self.client.close()
        self._stack.close()

    def _spawn(self, *command: str, **environment: str) -> subprocess.Popen:
        silent = subprocess.DEVNULL
        process = subprocess.Popen(command, stdout=silent, stderr=silent, env={**os.environ, **environment})
        self._stack.callback(_end, process)
        return process

    def _start_processes(self, scheduler: str, worker: str, *worker_options: str, **settings: str) -> Path:
        """Scheduler and workers by the commands that both packages have. Returns the scheduler's file."""
        file = Path(self._stack.enter_context(tempfile.TemporaryDirectory())) / "scheduler.json"
        named = ("--scheduler-file", str(file))
        process = self._spawn(scheduler, "scheduler", "--port", "0", *self.dashboard, *named, **settings)
        self.scheduler_pid = process.pid
        _await(file.exists, f"{self.package}'s scheduler")
        for _ in range(WORKERS):
            options = ("--no-nanny", "--nthreads", "1", *worker_options, *named)
            self._spawn(worker, "worker", *options, **settings)
        return file

    def _connect(self, **how) -> None:
        """Connects, and waits for the workers."""
        self.client = self.distributed.Client(**how)
        self.address = self.client.scheduler.address
        self.client.wait_for_workers(WORKERS, timeout=START_TIMEOUT_S)


class RaskTcp(GraphSide):
    """A scheduler process (the native binary) and two worker processes of one thread, over TCP."""

    package = "rask"

    def start(self):
        scheduler = os.environ["RASK_BENCH_SCHEDULER"]
        if not os.path.exists(scheduler):
            raise SystemExit(f"there is no {scheduler}: build it with cargo build --release -p rask-cli")
        file = self._start_processes(scheduler, _command("rask"))
        # For clients in other processes.
        os.environ["RASK_ACCESS_FILE"] = str(file)
        self._connect(scheduler_file=str(file))


class RaskWatched(RaskTcp):
    """As `RaskTcp`, with a dashboard that pages may be open at."""

    dashboard = ("--dashboard-address", "127.0.0.1:0")


class RaskLocal(GraphSide):
    """`Client(n_workers=2, threads_per_worker=1)`: the scheduler in this process, unix sockets."""

    package = "rask"

    def start(self):
        self._connect(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None)


class RaskThreads(GraphSide):
    """The in-process engine: `Client(processes=False)` with two threads."""

    package = "rask"

    def start(self):
        self.client = self.distributed.Client(
            processes=False, n_workers=1, threads_per_worker=WORKERS, dashboard_address=None
        )


class Dask(GraphSide):
    """As `RaskTcp`. `saturation`: Dask's `worker-saturation`, its default if None."""

    package = "dask"

    def __init__(self, saturation: str | None = None):
        super().__init__()
        self.saturation = saturation

    def start(self):
        settings = {}
        if self.saturation is not None:
            settings["DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION"] = self.saturation
        command = _command("dask")
        file = self._start_processes(command, command, "--no-dashboard", **settings)
        self._connect(scheduler_file=str(file))


class DaskThreads(GraphSide):
    """Dask's threaded scheduler, for lazy graphs only."""

    package = "dask"
    executions = Side.executions

    def start(self):
        import dask

        dask.config.set(scheduler="threads", num_workers=WORKERS)


class Pool(Side):
    """Something that maps and submits single calls."""

    def each(self, function, items) -> list:
        """The results of one task for each item."""
        raise NotImplementedError

    def call(self, function, *arguments):
        """Start one task; `result()` of what is returned waits for it."""
        raise NotImplementedError

    def executions(self):
        """Asks until every worker process has answered."""
        counts: dict[int, int] = {}
        while len(counts) < WORKERS:
            counts.update(self.each(functions.process_and_executions, [0.05] * WORKERS))
        return sum(counts.values())


class _Result:
    """`multiprocessing`'s result, read as a future's."""

    def __init__(self, result):
        self.result = result.get


class MultiprocessingPool(Pool):
    def start(self):
        import multiprocessing

        self.pool = multiprocessing.get_context("spawn").Pool(WORKERS)
        self.executions()

    def close(self):
        self.pool.terminate()

    def each(self, function, items):
        return self.pool.map(function, items, chunksize=1)

    def call(self, function, *arguments):
        return _Result(self.pool.apply_async(function, arguments))


class ProcessPool(Pool):
    def start(self):
        import multiprocessing

        self.pool = ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn"))
        self.executions()

    def close(self):
        self.pool.shutdown()

    def each(self, function, items):
        return list(self.pool.map(function, items, chunksize=1))

    def call(self, function, *arguments):
        return self.pool.submit(function, *arguments)


class ThreadPool(ProcessPool):
    executions = Side.executions

    def start(self):
        self.pool = ThreadPoolExecutor(WORKERS)


class Joblib(Pool):
    """It maps, and starts no single calls."""

    family = "mapper"

    def start(self):
        import joblib

        self.joblib = joblib
        self.parallel = joblib.Parallel(WORKERS, batch_size=1)
        self.parallel.__enter__()
        self.executions()

    def close(self):
        self.parallel.__exit__(None, None, None)

    def each(self, function, items):
        return self.parallel(self.joblib.delayed(function)(item) for item in items)


SIDES = {
    "rask": RaskTcp,
    "rask-local": RaskLocal,
    "dask": Dask,
    "dask-inf": lambda: Dask(saturation="inf"),
    "pool": MultiprocessingPool,
    "processes": ProcessPool,
    "joblib": Joblib,
    "plain": Plain,
    "rask-threads": RaskThreads,
    "dask-threads": DaskThreads,
    "threads": ThreadPool,
}


def _command(name: str) -> str:
    """A command of this interpreter's environment."""
    return str(Path(sys.executable).with_name(name))


def _await(ready, what: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not start within {START_TIMEOUT_S} s")
        time.sleep(0.01)


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
