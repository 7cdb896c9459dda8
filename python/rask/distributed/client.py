"""The client: what a program holds of a cluster."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Iterator

from rask.distributed.dashboard_link import told_link
from rask.distributed.errors import (
    FutureCancelledError,
    FuturesCancelledError,
    WorkerStartTimeoutError,
)
from rask.distributed.queries import ClusterQueries
from rask.distributed.submission import Submission
from rask.distributed.waiting import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rask._core import Future
    from rask.distributed.cluster import LocalCluster

__all__ = ["Client", "default_client", "fire_and_forget", "futures_of", "get_client"]

_stack: list[weakref.ref[Client]] = []
"""Default clients, the newest last."""
_open_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_as_current = threading.local()
NOTICES_PATIENCE_S = 1.0
"""How long a client that closes waits for what tasks printed to be shown."""


class Client(Submission, ClusterQueries):
    """Connect to a cluster, or start one on this machine.

    Parameters
    ----------
    address : str or LocalCluster, optional
        ``"host:port"``, ``"tcp://host:port"``, a cluster object; by default ``RASK_SCHEDULER_ADDRESS`` or
        the configuration's ``scheduler-address``, and if there is none, a new `LocalCluster` made with the
        remaining arguments.
    timeout : float or str, optional
        Seconds (or a text such as ``"10 s"``) to wait for the scheduler.
    set_as_default : bool
        Let `compute`, `persist` and `default_client` use this client.
    access_file : str, optional
        File that holds the cluster's secret; by default it is looked for in ``RASK_ACCESS_FILE``,
        ``RASK_SECRET`` and this user's folder of clusters.
    secret : str or bytes, optional
        The secret itself (a str is hexadecimal).
    asynchronous : bool
        For use inside an event loop: methods that would block return awaitables.
    name : str, optional
        For logs and pages.
    **kwargs
        For `LocalCluster`: ``n_workers``, ``threads_per_worker``, ``processes``, ``memory_limit``,
        ``dashboard_address`` …

    Raises
    ------
    OSError
        If there is no scheduler at the address, or it does not let this client in; the message says why.

    Examples
    --------
    >>> from rask.distributed import Client
    >>> with Client(processes=False) as client:
    ...     future = client.submit(pow, 2, 10)
    ...     future.result()
    1024
    """

    def __init__(
        self,
        address: str | LocalCluster | None = None,
        loop: Any = None,
        timeout: float | str | None = None,
        set_as_default: bool = True,
        scheduler_file: str | None = None,
        security: Any = None,
        asynchronous: bool = False,
        name: str | None = None,
        heartbeat_interval: Any = None,
        direct_to_workers: bool | None = None,
        *,
        access_file: str | os.PathLike | None = None,
        secret: str | bytes | None = None,
        **kwargs: Any,
    ) -> None:
        if security:
            raise NotImplementedError(
                "security= (TLS) is not offered yet; the cluster's secret protects it meanwhile"
            )
        if address is not None and kwargs:
            raise ValueError(
                f"Unexpected keyword arguments for a client of a given cluster: {sorted(kwargs)}"
            )
        self.asynchronous = bool(asynchronous)
        self.id = f"Client-{os.urandom(16).hex()}"
        self.cluster: Any = None
        self._owns_cluster = False
        self._watcher_made: Any = None
        self._notice_thread: Any = None
        self._lock = threading.Lock()
        self._connect(address, _timeout(timeout), access_file or scheduler_file, secret, name, kwargs)
        self._session.face = weakref.ref(self)
        self._session.asynchronous = self.asynchronous
        self._set_as_default = set_as_default
        if self._shows_notices():
            from rask.distributed.notices import start_showing

            self._notice_thread = start_showing(self._session.notices())
        _open_clients.add(self)
        if set_as_default:
            _stack.append(weakref.ref(self))
        self._warn_of_other_versions()

    def _connect(
        self,
        address: Any,
        timeout: float,
        access_file: Any,
        secret: Any,
        name: str | None,
        kwargs: dict[str, Any],
    ) -> None:
        from rask import config
        from rask._core import Session
        from rask.distributed.cluster import LocalCluster, Status

        name = name or self.id
        if address is None and access_file is not None:
            address = _address_in(access_file)
        if address is None and not kwargs:
            address = config.get("scheduler-address", None)
        if address is None:
            # Passed on only to be closed together with this client.
            address = LocalCluster(asynchronous=self.asynchronous, **kwargs)
            self._owns_cluster = True
        if isinstance(address, LocalCluster):
            if address.status is Status.closed:
                raise RuntimeError("the cluster is closed: start another one")
            self.cluster = address
            self._session = Session.attach(address._core, name)
        elif isinstance(address, str):
            secret = bytes.fromhex(secret) if isinstance(secret, str) else secret
            path = None if access_file is None else os.fspath(access_file)
            self._session = Session.connect(
                address, secret=secret, access_file=path, name=name, timeout=timeout
            )
        elif hasattr(address, "scheduler_address"):
            self.cluster = address
            self._session = Session.connect(
                address.scheduler_address, secret=None, access_file=None, name=name, timeout=timeout
            )
        else:
            raise TypeError(f"an address is a str or a cluster, not {type(address).__name__}: {address!r}")

    @classmethod
    def _of_session(cls, session: Any) -> Client:
        """Wrap a session that exists, such as a worker's."""
        client = cls.__new__(cls)
        client.asynchronous = False
        client.id = f"Client-worker-{os.urandom(16).hex()}"
        client.cluster = None
        client._owns_cluster = False
        client._watcher_made = None
        client._notice_thread = None
        client._lock = threading.Lock()
        client._session = session
        client._set_as_default = False
        session.face = weakref.ref(client)
        return client

    def _shows_notices(self) -> bool:
        """Whether this client shows what tasks print and warn: not if they do so in this very process."""
        return getattr(self.cluster, "processes", True)

    @property
    def _watcher(self) -> Any:
        from rask.distributed.watch import Watcher

        with self._lock:
            if self._watcher_made is None:
                self._watcher_made = Watcher(self._session)
            return self._watcher_made

    def _warn_of_other_versions(self) -> None:
        import warnings

        from rask._python_version import PYTHON_VERSION
        from rask.distributed.errors import VersionMismatchWarning

        mine = f"python {PYTHON_VERSION}"
        minor = mine.rsplit(".", 1)[0]
        others = [one for one in self._session.summary()["runtimes"] if one.rsplit(".", 1)[0] != minor]
        if others:
            warnings.warn(
                f"This client runs {mine}, but workers run {', '.join(others)}: functions sent by value, "
                "such as those of a notebook, work only between equal minor versions. Start both with the "
                "same Python.",
                VersionMismatchWarning,
                stacklevel=3,
            )

    # --- life ---

    @property
    def status(self) -> str:
        """``running`` or ``closed``."""
        return "closed" if self._session.is_closed() else "running"

    @property
    def scheduler(self) -> Any:
        """The scheduler's address, as ``client.scheduler.address``."""
        return _SchedulerReference(self._session.address)

    @property
    def dashboard_link(self) -> str:
        """Link to the dashboard with its token, made by the setting ``distributed.dashboard.link``."""
        return told_link(self._session.dashboard_link)

    @property
    def loop(self) -> None:
        """Dask's event loop; rask has none."""
        return None

    def close(self, timeout: float | str | None = None) -> Any:
        """Disconnect, and end the cluster if this client started it. Closing twice does nothing."""
        if self.asynchronous:
            return self._async(self._close)
        return self._close()

    def _close(self) -> None:
        _stack[:] = [entry for entry in _stack if entry() is not None and entry() is not self]
        _open_clients.discard(self)
        if self._watcher_made is not None:
            self._watcher_made.close()
        self._session.close()
        if self._notice_thread is not None and self._notice_thread is not threading.current_thread():
            # What was printed before the end is shown before it.
            self._notice_thread.join(NOTICES_PATIENCE_S)
        if self._owns_cluster and self.cluster is not None:
            self.cluster.close()

    def shutdown(self) -> Any:
        """End the whole cluster, scheduler included."""
        if self.asynchronous:
            return self._async(self._shutdown)
        return self._shutdown()

    def _shutdown(self) -> None:
        self._session.shutdown()
        self._close()
        if self.cluster is not None:
            self.cluster.close()

    def restart(self, timeout: float | str | None = None, wait_for_workers: bool = True) -> Any:
        """Cancel all tasks of all clients and start every worker process anew.

        Parameters
        ----------
        timeout : float or str, optional
            Seconds to wait for the workers.
        wait_for_workers : bool
            Return only when as many workers are there as before.
        """
        if self.asynchronous:
            return self._async(self._restart, seconds(timeout), wait_for_workers)
        return self._restart(seconds(timeout), wait_for_workers)

    def _restart(self, timeout: float | None, wait_for_workers: bool) -> None:
        before = self._session.summary()["n_workers"]
        self._session.restart()
        if wait_for_workers and before:
            self._wait_for_workers(before, 60 if timeout is None else timeout)

    def wait_for_workers(self, n_workers: int, timeout: float | str | None = None) -> Any:
        """Block until `n_workers` workers are there.

        Raises
        ------
        WorkerStartTimeoutError
            If they do not come within `timeout`.
        """
        if not isinstance(n_workers, int) or n_workers < 1:
            raise ValueError(f"n_workers must be a positive int, got {n_workers!r}")
        if self.asynchronous:
            return self._async(self._wait_for_workers, n_workers, seconds(timeout))
        return self._wait_for_workers(n_workers, seconds(timeout))

    def _wait_for_workers(self, n_workers: int, timeout: float | None) -> None:
        if not self._session.wait_for_workers(n_workers, timeout):
            raise WorkerStartTimeoutError(self._session.summary()["n_workers"], n_workers, timeout or 0)

    async def _async(self, function: Any, *args: Any) -> Any:
        """Run something that blocks on a thread, so that the event loop goes on."""
        import asyncio

        return await asyncio.get_running_loop().run_in_executor(None, function, *args)

    def sync(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a coroutine function and wait for its result."""
        import asyncio

        return asyncio.run(function(*args, **kwargs))

    # --- the current client ---

    @classmethod
    def current(cls, allow_global: bool = True) -> Client:
        """Return the client that is in use here: of an enclosing `as_current`, else the newest."""
        own = getattr(_as_current, "client", None)
        if own is not None:
            return own
        if not allow_global:
            raise ValueError("Not running inside the as_current context manager of a client")
        return default_client()

    def as_current(self) -> Any:
        """Return a context manager within which this client is the current one in this thread."""
        return _AsCurrent(self)

    def get_executor(self, **kwargs: Any) -> Any:
        """Return a `concurrent.futures.Executor` that runs on the cluster."""
        raise NotImplementedError(
            "Client.get_executor is not offered yet; Client.submit and Client.map do the same"
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._async(self._close)

    def __await__(self) -> Any:
        async def itself() -> Client:
            return self

        return itself().__await__()

    def __del__(self) -> None:
        session = self.__dict__.get("_session")
        if session is not None and not session.is_closed() and self.__dict__.get("_owns_cluster"):
            self._close()

    def __getattr__(self, name: str) -> Any:
        from rask.distributed.missing import CLIENT_METHODS

        if name in CLIENT_METHODS:
            raise NotImplementedError(f"Client.{name} is not offered yet. {CLIENT_METHODS[name]}")
        raise AttributeError(f"'Client' object has no attribute {name!r}")

    def __repr__(self) -> str:
        if self._session.is_closed():
            return "<Client: No scheduler connected>"
        from rask.sizes import format_bytes

        summary = self._session.summary()
        return (
            f"<Client: {self._session.address!r} processes={summary['n_workers']} "
            f"threads={summary['n_threads']}, memory={format_bytes(summary['memory_bytes'])}>"
        )

    def _repr_html_(self) -> str:
        from rask.distributed.reprs import client_html

        return client_html(self)


class _SchedulerReference:
    """Stands for the scheduler where Dask has a connection to it."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __repr__(self) -> str:
        return f"<scheduler at {self.address}>"


class _AsCurrent:
    def __init__(self, client: Client) -> None:
        self._client = client

    def __enter__(self) -> Client:
        self._before = getattr(_as_current, "client", None)
        _as_current.client = self._client
        return self._client

    def __exit__(self, *exc_info: object) -> None:
        _as_current.client = self._before


def _address_in(access_file: Any) -> str:
    """Where the scheduler listens that wrote an access file."""
    import json

    with open(access_file) as file:
        return json.load(file)["address"]


def _timeout(given: float | str | None) -> float:
    from rask import config

    if given is None:
        given = config.get("distributed.comm.timeouts.connect", "30s")
    return seconds(given) or 0.0


def default_client(c: Client | None = None) -> Client:
    """Return `c` if it is a client, else the newest that is open.

    Raises
    ------
    ValueError
        If there is none.
    """
    if c is not None:
        if isinstance(c, Client):
            return c
        raise TypeError(f"{c!r} is not a Client")
    client = newest_client()
    if client is None:
        raise ValueError("No clients found. Start one with `client = Client()`")
    return client


def newest_client() -> Client | None:
    """Return the client that computations should use here, or None."""
    own = getattr(_as_current, "client", None)
    if own is not None:
        return own
    while _stack:
        client = _stack[-1]()
        if client is not None and client.status == "running":
            return client
        _stack.pop()
    return None


def get_client(address: str | None = None, timeout: Any = None, resolve_address: bool = True) -> Client:
    """Return a client of the cluster whose task is running, or outside of tasks the default client.

    Raises
    ------
    ValueError
        If there is none.
    """
    from rask.distributed.worker import client_of_task

    client = client_of_task()
    if client is None:
        client = newest_client()
    if client is None:
        if address is not None:
            return Client(address, timeout=timeout)
        raise ValueError("No global client found and no address provided")
    return client


def futures_of(o: Any, client: Client | None = None) -> list[Future]:
    """Return the futures in a future, a persisted collection, or a list, tuple, set or dict of them."""
    from rask._core import Delayed, Future, delayed_futures

    found: dict[int, Future] = {}
    stack = [o]
    while stack:
        item = stack.pop()
        if isinstance(item, Future):
            found.setdefault(id(item), item)
        elif isinstance(item, Delayed):
            stack.extend(reversed(delayed_futures(item)))
        elif isinstance(item, dict):
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list | tuple | set | frozenset | Iterator):
            stack.extend(reversed(list(item)))
        elif hasattr(item, "__dask_graph__"):
            stack.extend(reversed(list(dict(item.__dask_graph__()).values())))
    futures = list(found.values())
    if client is not None:
        cancelled = [future for future in futures if future.cancelled()]
        if cancelled:
            raise FuturesCancelledError(
                FutureCancelledError(future.key, future._reason()) for future in cancelled
            )
    return futures


def fire_and_forget(obj: Any) -> None:
    """Let tasks run to their end although nobody holds their futures.

    Parameters
    ----------
    obj : Future, persisted collection, or list or dict of them
        Which.
    """
    futures = futures_of(obj)
    if futures:
        futures[0]._session().fire_and_forget(futures)


@atexit.register
def _close_all() -> None:
    for client in list(_open_clients):
        client._close()
