"""A cluster on this machine."""

from __future__ import annotations

import atexit
import enum
import math
import os
import sys
import threading
import warnings
import weakref

from rask.distributed.dashboard_link import told_link
from rask.sizes import format_bytes, parse_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rask.distributed.client import Client

__all__ = ["LocalCluster", "Status"]


class Status(enum.Enum):
    """Where a cluster stands."""

    created = "created"
    running = "running"
    closing = "closing"
    closed = "closed"


START_TIMEOUT_S = 30
"""How long a new cluster waits for its workers before it says so."""

_open_clusters: weakref.WeakSet[LocalCluster] = weakref.WeakSet()


class LocalCluster:
    """A scheduler on threads of this process with workers beside it.

    Parameters
    ----------
    n_workers : int, optional
        Worker processes; by default as many as fit the cores (all of them up to four, fewer with more
        threads beyond).
    threads_per_worker : int, optional
        Tasks that a worker runs at once.
    processes : bool, optional
        False: one worker (by default) whose threads live in this process. Values then pass by reference.
    host : str, optional
        Where to listen; the loopback interface by default.
    scheduler_port : int
        0 takes a free one.
    dashboard_address : str, optional
        Where the dashboard is served; port 8787 by default, another with a warning if that is taken. None: no
        dashboard.
    memory_limit : str, int, float or None
        Memory a worker may use: bytes, a text such as ``"2 GiB"``, a fraction of the machine's, ``"auto"``
        for a fair share, ``0`` or None for no limit.
    resources : dict, optional
        Abstract resources that each worker offers, such as ``{"GPU": 1}``.
    protocol : str, optional
        ``"tcp"`` or ``"unix"`` between scheduler and workers; unix sockets by default, which are faster.
    env : dict, optional
        Environment variables for the workers.
    name, silence_logs, asynchronous, local_directory : optional
        As in Dask.

    Examples
    --------
    >>> from rask.distributed import Client, LocalCluster
    >>> with LocalCluster(n_workers=1, threads_per_worker=2, processes=False) as cluster, Client(cluster) as
    client:
    ...     client.submit(sum, [1, 2]).result()
    3
    """

    def __init__(
        self,
        name: str | None = None,
        n_workers: int | None = None,
        threads_per_worker: int | None = None,
        processes: bool | None = None,
        loop: Any = None,
        start: Any = None,
        host: str | None = None,
        ip: str | None = None,
        scheduler_port: int = 0,
        silence_logs: Any = 30,
        dashboard_address: str | None = ":8787",
        worker_dashboard_address: str | None = None,
        asynchronous: bool = False,
        security: Any = None,
        protocol: str | None = None,
        memory_limit: Any = "auto",
        resources: dict[str, float] | None = None,
        env: dict[str, str] | None = None,
        local_directory: str | None = None,
        **unknown: Any,
    ) -> None:
        from rask._core import LocalCluster as Core

        if unknown:
            raise TypeError(f"LocalCluster() got unexpected keyword arguments: {', '.join(sorted(unknown))}")
        if security:
            raise NotImplementedError(
                "security= (TLS) is not offered yet; the cluster's secret protects it meanwhile"
            )
        self.status = Status.created
        self.asynchronous = asynchronous
        self.name = name or os.urandom(4).hex()
        self.processes = True if processes is None else bool(processes)
        n_workers, threads_per_worker = _split(n_workers, threads_per_worker, self.processes)
        self._threads_per_worker = threads_per_worker
        self._memory_limit = _memory_limit(memory_limit, threads_per_worker, n_workers)
        self._resources = {str(key): float(amount) for key, amount in (resources or {}).items()}
        dashboard = _dashboard(dashboard_address)
        self._core = Core(
            host=host or ip or "127.0.0.1",
            port=scheduler_port,
            unix=_unix(protocol, host or ip),
            processes=self.processes,
            program=sys.executable,
            arguments=["-m", "rask._worker_process"],
            environment=_environment(env),
            runtime_settings=_runtime_settings(local_directory),
            allowed_failures=_allowed_failures(),
            dashboard=dashboard,
            on_output=_print if self.processes else None,
        )
        _warn_if_moved(dashboard, self._core.dashboard_link)
        self._requested: list[str] = []
        self._thread_workers: dict[str, Any] = {}
        self._next_name = 0
        self.status = Status.running
        _open_clusters.add(self)
        self._add_workers(n_workers)
        if not asynchronous:
            self._wait_for_first_workers(n_workers)

    # --- workers ---

    def _add_workers(self, count: int) -> None:
        for _ in range(count):
            name = str(self._next_name)
            self._next_name += 1
            self._requested.append(name)
            if self.processes:
                self._core.add_worker(name, self._threads_per_worker, self._memory_limit, self._resources)
            else:
                from rask._worker import ThreadWorker

                self._thread_workers[name] = ThreadWorker(
                    self._core, name, self._threads_per_worker, self._memory_limit, self._resources
                )

    def _wait_for_first_workers(self, n_workers: int) -> None:
        """Wait for the workers that were asked for, as long as there is hope for them."""
        for _ in range(START_TIMEOUT_S * 10):
            if self._session().wait_for_workers(n_workers, 0.1):
                return
            given_up = self._core.given_up()
            if given_up is not None:
                self.close()
                raise RuntimeError(f"no cluster without workers: {given_up}")
        warnings.warn(f"the workers have not all started within {START_TIMEOUT_S} s", stacklevel=4)

    def scale(
        self, n: int | None = None, jobs: int = 0, memory: str | None = None, cores: int | None = None
    ) -> Any:
        """Bring the cluster to `n` workers. Returns at once.

        Parameters
        ----------
        n : int
            How many workers.
        memory, cores : optional
            Instead of `n`: as many workers as together have this much.
        """
        if memory is not None:
            n = math.ceil(parse_bytes(memory) / max(1, self._memory_limit))
        if cores is not None:
            n = math.ceil(cores / self._threads_per_worker)
        n = jobs if n is None else n
        if n < 0:
            raise ValueError(f"cannot scale to {n} workers")
        surplus = self._requested[n:]
        if surplus:
            del self._requested[n:]
            threading.Thread(target=self._retire, args=(surplus,), name="rask-scale", daemon=True).start()
        else:
            self._add_workers(n - len(self._requested))
        return _Done() if self.asynchronous else None

    def _retire(self, names: list[str]) -> None:
        self._session().retire_workers(names)
        for name in names:
            worker = self._thread_workers.pop(name, None)
            if worker is not None:
                worker.close()

    def _session(self) -> Any:
        """A client session of the cluster's own, for what it has to ask of its scheduler."""
        from rask._core import Session

        session = getattr(self, "_own_session", None)
        if session is None:
            session = self._own_session = Session.attach(self._core, f"LocalCluster-{self.name}")
        return session

    @property
    def workers(self) -> dict[Any, Any]:
        """Process ids by worker name (None for workers in this process)."""
        if not self.processes:
            return {_as_name(name): None for name in self._thread_workers}
        return {_as_name(name): pid for name, pid in self._core.pids()}

    @property
    def requested(self) -> set[Any]:
        """Names of the workers that should be there."""
        return {_as_name(name) for name in self._requested}

    plan = requested

    @property
    def observed(self) -> set[Any]:
        """Names of the workers that are there."""
        return {worker["name"] for worker in self.scheduler_info["workers"].values()}

    # --- facts ---

    @property
    def scheduler_address(self) -> str:
        """Where clients connect."""
        return self._core.address if self.status is not Status.closed else ""

    @property
    def access_file(self) -> str | None:
        """The file that lets other processes of this user in."""
        return self._core.access_file

    @property
    def dashboard_link(self) -> str:
        """Link to the dashboard with its token, made by the setting ``distributed.dashboard.link``."""
        return told_link(self._core.dashboard_link)

    @property
    def scheduler_info(self) -> dict[str, Any]:
        """The scheduler's identity, as `Client.scheduler_info` gives it."""
        if self.status is Status.closed:
            return {"type": "Scheduler", "workers": {}}
        return self._session().query("identity", None)

    def wait_for_workers(self, n_workers: int, timeout: float | None = None) -> None:
        """Block until `n_workers` workers are there."""
        from rask.distributed.errors import WorkerStartTimeoutError

        if not self._session().wait_for_workers(n_workers, timeout):
            raise WorkerStartTimeoutError(self._session().summary()["n_workers"], n_workers, timeout)

    def get_client(self) -> Client:
        """Return a client of this cluster."""
        from rask.distributed.client import Client

        return Client(self)

    # --- life ---

    def close(self, timeout: float | None = None) -> Any:
        """End the workers and the scheduler. Closing twice does nothing."""
        if self.status in (Status.running, Status.created):
            self.status = Status.closing
            session = getattr(self, "_own_session", None)
            if session is not None:
                session.close()
            for worker in self._thread_workers.values():
                worker.close()
            self._core.close()
            self.status = Status.closed
            _open_clusters.discard(self)
        return _Done() if self.asynchronous else None

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> LocalCluster:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    def __await__(self) -> Any:
        return _Done(self).__await__()

    def __del__(self) -> None:
        # At the end of the interpreter `atexit` has closed it, and names of this module may be gone.
        core = getattr(self, "_core", None)
        if core is None or sys is None or sys.is_finalizing():
            return
        if self.status is Status.running:
            self.close()

    def __repr__(self) -> str:
        if self.status is Status.closed:
            return f"LocalCluster({self.name}, closed)"
        summary = self._session().summary()
        return (
            f"LocalCluster({self.name}, {self.scheduler_address!r}, workers={summary['n_workers']}, "
            f"threads={summary['n_threads']}, memory={format_bytes(summary['memory_bytes'])})"
        )

    def _repr_html_(self) -> str:
        from rask.distributed.reprs import cluster_html

        return cluster_html(self)


class _Done:
    """What may be awaited and is done already."""

    def __init__(self, value: Any = None) -> None:
        self._value = value

    def __await__(self) -> Any:
        return self._value
        yield


def _as_name(name: str) -> Any:
    return int(name) if name.isdigit() else name


def _split(n_workers: int | None, threads: int | None, processes: bool) -> tuple[int, int]:
    """How many workers, and threads in each: as Dask decides."""
    cores = _cores()
    if not processes:
        n_workers = n_workers or 1
        return n_workers, threads or max(1, cores // n_workers)
    if n_workers is None and threads is None:
        if cores <= 4:
            return cores, 1
        n_workers = min(n for n in range(1, cores + 1) if cores % n == 0 and n >= math.sqrt(cores))
        return n_workers, cores // n_workers
    if n_workers is None:
        return max(1, cores // threads), threads
    return n_workers, threads if threads is not None else max(1, cores // max(1, n_workers))


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def machine_memory() -> int:
    """Return the machine's memory in bytes, or what the process's control group allows of it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                total = min(total, int(file.read()))
        except (OSError, ValueError):
            continue
    return total


def _memory_limit(given: Any, threads: int, n_workers: int) -> int:
    if given is None or given == 0:
        return 0
    if given == "auto":
        return int(machine_memory() * min(1.0, threads / max(threads * max(n_workers, 1), _cores())))
    if isinstance(given, float) and given <= 1:
        return int(machine_memory() * given)
    return parse_bytes(given)


def _unix(protocol: str | None, host: str | None) -> bool:
    if protocol in ("tcp", "tcp://"):
        return False
    if protocol in (None, "unix", "unix://", "inproc", "inproc://"):
        return host is None or protocol is not None
    raise ValueError(f"protocol={protocol!r}: only 'tcp' and 'unix' are known (TLS is not offered yet)")


def _environment(env: dict[str, str] | None) -> list[tuple[str, str]]:
    """Native libraries in workers should not start a thread per core for each of the worker's threads."""
    single = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    changes = {name: "1" for name in single if name not in os.environ}
    changes["PYTHONUNBUFFERED"] = "1"
    changes.update({str(name): str(value) for name, value in (env or {}).items()})
    return list(changes.items())


def _runtime_settings(local_directory: str | None) -> str:
    """What a local worker process is to do as this process does: import what is importable here."""
    import json

    from rask import config

    path = [os.getcwd() if entry == "" else entry for entry in sys.path]
    settings = {
        "sys_path": path,
        "argv": sys.argv,
        "cwd": os.getcwd(),
        "config": config.serialize(config.config),
        "prints_at_client": True,
    }
    if local_directory is not None:
        settings["local_directory"] = os.path.abspath(local_directory)
    return json.dumps(settings)


def _allowed_failures() -> int:
    from rask import config

    return int(config.get("distributed.scheduler.allowed-failures", 3))


def _dashboard(address: str | None) -> tuple[str, int] | None:
    """Host and port of an address such as ``":8787"``; None for no dashboard."""
    if not address:
        return None
    text = str(address)
    host, _, port = text.rpartition(":") if ":" in text else ("", "", text)
    return host or "127.0.0.1", int(port or 8787)


def _warn_if_moved(wanted: tuple[str, int] | None, link: str) -> None:
    """Say that the dashboard is not where it was asked for."""
    if wanted is None or wanted[1] == 0 or f":{wanted[1]}/" in link:
        return
    port = link.rpartition(":")[2].partition("/")[0]
    warnings.warn(
        f"Port {wanted[1]} is already in use.\nPerhaps you already have a cluster running?\n"
        f"Hosting the dashboard on port {port} instead",
        stacklevel=5,
    )


def _print(stream: int, text: bytes) -> None:
    """Print what a worker printed where this process prints: in a notebook, below the running cell."""
    target = sys.stdout if stream == 1 else sys.stderr
    if target is not None:
        target.write(text.decode(errors="replace"))
        target.flush()


@atexit.register
def _close_all() -> None:
    for cluster in list(_open_clusters):
        cluster.close()
