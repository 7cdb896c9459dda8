"""The Python side of a worker: its threads, what tasks see of it, and the operations outside of the task
system.

`_core.WorkerCore` is the worker; it executes tasks on threads that are made here. `_worker_process` is the
program of a worker process, `ThreadWorker` a worker inside this process.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import threading
import types
from collections.abc import Callable, Mapping

from rask import _core, _serialize, _worker_log
from rask._python_version import PYTHON_VERSION
from rask._traceback_text import traceback_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any


# --- functions and failures --------------------------------------------------------------------------------


def explain_undecodable(error: BaseException) -> BaseException:
    """Say what to do about a function that refers to a module which is missing here."""
    if not isinstance(error, ModuleNotFoundError):
        return error
    return ModuleNotFoundError(
        f"{error}: the function refers to a module that this worker cannot import. Install it where the "
        f"workers run, or bring a file with client.upload_file(...)",
        name=error.name,
    )


def has_mutable_state(function: Any) -> bool:
    """Whether calls of a function sent by value could leave something behind in it for the next call."""
    if isinstance(function, functools.partial):
        parts = (*function.args, *function.keywords.values())
        return any(map(_is_mutable, parts)) or has_mutable_state(function.func)
    if not isinstance(function, types.FunctionType) or _serialize.importable_name(function) is not None:
        return False
    kept = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        try:
            kept.append(cell.cell_contents)
        except ValueError:  # an empty cell
            continue
    return any(map(_is_mutable, kept))


def _is_mutable(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_is_mutable, value))
    return isinstance(value, list | dict | set | bytearray)


def dump_failure(error: BaseException) -> tuple[bytes, bytes, str, str]:
    """Pickle what a task raised, without the frames of this module; and its traceback as text."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    error = error.with_traceback(tb)
    return *_serialize.dump_exception(error), traceback_text(error)


# --- a worker as tasks see it ------------------------------------------------------------------------------


class Worker:
    """A worker, as `get_worker()` gives it inside of a task.

    Attributes
    ----------
    name : str or int
        Its name.
    address : str
        Where others fetch values from it.
    nthreads : int
        How many tasks it runs at once.
    local_directory : str
        A folder for temporary files.
    """

    def __init__(
        self, settings: Mapping[str, Any], connect: Callable[[], Any], owns_process: bool = True
    ) -> None:
        self.name = int(settings["name"]) if settings["name"].isdigit() else settings["name"]
        self.nthreads = settings["nthreads"]
        self.memory_limit = settings["memory_limit"]
        self.local_directory = settings["local_directory"]
        self.state = types.SimpleNamespace(nthreads=settings["nthreads"])
        self._connect = connect
        self._client: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._threads = 0
        self._stopping = False
        self.core = _core.WorkerCore(
            scheduler=settings["scheduler"],
            secret=bytes.fromhex(settings["secret"]),
            listen=settings["listen"],
            name=settings["name"],
            host=settings["host"],
            nthreads=settings["nthreads"],
            memory_limit=settings["memory_limit"],
            resources=list(settings["resources"].items()),
            runtime=f"python {PYTHON_VERSION}",
            local_directory=settings["local_directory"],
            instance=int(settings["instance"]) if settings.get("instance") else None,
            page=settings.get("page"),
            on_thread_needed=self._add_thread,
        )
        self._scheduler_address = settings["scheduler"]
        self.owns_process = owns_process
        # Whether what is printed here is printed by the program that has the cluster, too.
        runtime = settings.get("runtime") or {}
        self.prints_at_client = bool(runtime.get("prints_at_client"))
        self.notices = _worker_log.Notices(self.core.notice)
        _worker_log.listen(self)
        for _ in range(self.nthreads):
            self._add_thread()
        self._start_thread(self.core.run_errands, "rask-errands")
        self._start_thread(self._run_ops, "rask-operations")

    # --- for tasks ---

    @property
    def address(self) -> str:
        """Where others fetch values from this worker."""
        return self.core.address

    @property
    def id(self) -> str:
        """Its number in the cluster, as text."""
        return f"Worker-{self.core.number}"

    @property
    def ip(self) -> str:
        """Its host, from its address."""
        return self.address.partition("://")[2].rpartition(":")[0]

    @property
    def scheduler(self) -> Any:
        """The scheduler, with its ``address``."""
        from rask.distributed.client import _SchedulerReference

        return _SchedulerReference(self._scheduler_address)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that runs coroutine tasks."""
        with self._lock:
            if self._loop is None:
                import asyncio

                self._loop = asyncio.new_event_loop()
                self._start_thread(self._loop.run_forever, "rask-event-loop")
            return self._loop

    @property
    def client(self) -> Any:
        """A client for tasks that submit tasks."""
        with self._lock:
            if self._client is None or self._client.status != "running":
                self._client = self._connect()
            return self._client

    @property
    def data(self) -> Any:
        """Dask's mapping of the values kept here; not offered."""
        raise NotImplementedError(
            "Worker.data is not offered: pass futures as arguments, Client.has_what lists what is where"
        )

    def get_current_task(self) -> Any:
        """Return the key of the task that calls."""
        from rask.distributed.worker import running_task

        task = running_task()
        if task is None:
            raise ValueError("no task runs here")
        return task.key

    def run_coroutine(self, coroutine: Any) -> Any:
        """Run a task's coroutine on the event loop and wait for it on the task's own thread."""
        from rask.distributed.worker import within_task

        task = _core.current_task()
        done = threading.Event()
        outcome: list[Any] = []

        async def run() -> None:
            try:
                with within_task(task):
                    outcome.append((True, await coroutine))
            except BaseException as error:
                outcome.append((False, error))
            finally:
                done.set()

        self.loop.call_soon_threadsafe(lambda: self.loop.create_task(run()))
        done.wait()
        good, value = outcome[0]
        if good:
            return value
        raise value

    def __repr__(self) -> str:
        return f"<Worker {self.address!r}, name: {self.name}, threads: {self.nthreads}>"

    # --- threads ---

    def _start_thread(self, target: Callable, name: str, *args: Any) -> None:
        threading.Thread(target=target, args=args, name=name, daemon=True).start()

    def _add_thread(self) -> None:
        self._threads += 1
        self._start_thread(self.core.run_thread, f"rask-worker-{self.name}-{self._threads}", self)

    # --- operations outside of the task system ---

    def _run_ops(self) -> None:
        while (op := self.core.next_op()) is not None:
            number, kind, arguments = op
            if kind == "upload_file":
                self._answer(number, self._upload_file, arguments)
            elif kind == "call":
                # On a thread of its own: it may take long, and the next one should not wait for it.
                self._start_thread(self._answer, "rask-operation", number, self._call, arguments)
            else:
                self.core.reply_error(number, arguments)

    def _answer(self, number: int, function: Callable, arguments: tuple) -> None:
        try:
            value = function(*arguments)
        except BaseException as error:
            self.core.reply_error(number, error)
        else:
            self.core.reply(number, value)

    def _call(self, pickled: bytes, args: tuple, kwargs: dict[str, Any]) -> Any:
        try:
            function = _core.decode(pickled, [])
        except ModuleNotFoundError as error:
            raise explain_undecodable(error) from error
        if _wants_worker(function):
            kwargs = {**kwargs, "dask_worker": self}
        result = function(*args, **kwargs)
        if isinstance(result, types.CoroutineType):
            import asyncio

            return asyncio.run_coroutine_threadsafe(result, self.loop).result()
        return result

    def _upload_file(self, name: str, content: bytes, load: bool) -> None:
        os.makedirs(self.local_directory, exist_ok=True)
        path = os.path.join(self.local_directory, os.path.basename(name))
        with open(path, "wb") as file:
            file.write(content)
        entry = self.local_directory if name.endswith(".py") else path
        if entry not in sys.path:
            sys.path.insert(0, entry)
        importlib.invalidate_caches()
        if load and name.endswith(".py"):
            module = os.path.splitext(os.path.basename(name))[0]
            # A stale cache would be taken for fresh where both versions are of the same second and size.
            from importlib.util import cache_from_source

            cached = cache_from_source(path)
            if os.path.exists(cached):
                os.remove(cached)
            sys.modules.pop(module, None)
            importlib.import_module(module)

    def close(self, reason: str = "closed") -> None:
        """Give back what was not started, and leave the cluster."""
        self._stopping = True
        _worker_log.forget(self)
        self.notices.flush()
        self.core.close(reason)
        self.core.join()
        with self._lock:
            if self._client is not None:
                self._client.close()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)


def _wants_worker(function: Callable) -> bool:
    import inspect

    try:
        return "dask_worker" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # builtins without a signature
        return False


class ThreadWorker:
    """A worker whose threads live in this process.

    Parameters
    ----------
    cluster : _core.LocalCluster
        Where it belongs.
    name : str
        Its name.
    nthreads : int
        How many tasks it runs at once.
    memory_limit : int
        In bytes; shown only.
    resources : dict
        Abstract resources that it offers.
    """

    def __init__(
        self, cluster: Any, name: str, nthreads: int, memory_limit: int, resources: dict[str, float]
    ) -> None:
        settings = {
            "scheduler": cluster.memory_address,
            "secret": "",
            "listen": f"{cluster.memory_address}-worker-{name}",
            "name": name,
            "host": "127.0.0.1",
            "nthreads": nthreads,
            "memory_limit": memory_limit,
            "resources": resources,
            "local_directory": os.path.join(cluster.folder, f"files-{name}"),
        }

        def connect() -> Any:
            from rask.distributed.client import Client

            return Client._of_session(_core.Session.attach(cluster, f"tasks of worker {name}"))

        self.worker = Worker(settings, connect, owns_process=False)
        refused = self.worker.core.wait_registered(10.0)
        if refused is not None:
            raise RuntimeError(f"a worker of this process could not join its own cluster: {refused}")

    def close(self) -> None:
        """Leave the cluster."""
        self.worker.close()
