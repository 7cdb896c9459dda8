"""What a task can ask of the worker that runs it."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

from rask import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rask.distributed.client import Client

__all__ = ["get_worker", "rejoin", "secede", "worker_client"]

_async_task: contextvars.ContextVar[Any] = contextvars.ContextVar("rask-task", default=None)
"""The task whose coroutine runs here; tasks that are plain functions are known by their threads."""


@contextlib.contextmanager
def within_task(task: Any) -> Iterator[None]:
    """Let what runs here, in this context, belong to a task."""
    token = _async_task.set(task)
    try:
        yield
    finally:
        _async_task.reset(token)


def running_task() -> Any:
    """Return the task that runs here, with its ``worker`` and ``key``, or None outside of tasks."""
    task = _async_task.get()
    return _core.current_task() if task is None else task


def _task_for(use: str) -> Any:
    task = running_task()
    if task is None:
        raise ValueError(f"No worker found: {use}")
    return task


def get_worker() -> Any:
    """Return the worker that runs this task.

    Returns
    -------
    Worker
        With ``address``, ``name``, ``id``, ``nthreads``, ``local_directory`` and ``get_current_task()``.

    Raises
    ------
    ValueError
        Outside of a task.
    """
    return _task_for("get_worker() is for use inside of tasks").worker


def client_of_task() -> Client | None:
    """Return the client of the worker that runs this task, or None outside of tasks."""
    task = running_task()
    return None if task is None else task.worker.client


def secede() -> None:
    """Give this task's thread back to the worker's pool: another task may start while this one waits.

    Raises
    ------
    ValueError
        Outside of a task.
    """
    _task_for("secede() is for use inside of tasks").secede()


def rejoin() -> None:
    """Wait for a thread of the worker's pool to be free again, and take it.

    Raises
    ------
    ValueError
        Outside of a task.
    """
    _task_for("rejoin() is for use inside of tasks that seceded").rejoin()


@contextlib.contextmanager
def worker_client(timeout: Any = None, separate_thread: bool = True) -> Iterator[Client]:
    """Give a task a client, so that it can submit tasks of its own and wait for them.

    Parameters
    ----------
    separate_thread : bool
        Give this task's thread back to the pool meanwhile, so that what it waits for can run.

    Examples
    --------
    >>> from rask.distributed import Client, worker_client
    >>> def double_sum(numbers):
    ...     with worker_client() as client:
    ...         return sum(client.gather(client.map(abs, numbers)))
    >>> with Client(processes=False, threads_per_worker=2) as client:
    ...     client.submit(double_sum, [-1, -2]).result()
    3
    """
    client = get_worker().client
    if separate_thread:
        secede()
    try:
        yield client
    finally:
        if separate_thread:
            rejoin()
