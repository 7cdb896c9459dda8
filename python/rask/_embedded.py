"""The engines inside this process: what computes when no client was made.

They are clients of local clusters that start with the first computation and live as long as the process: one
with threads, one with processes for ``scheduler="processes"``.
"""

from __future__ import annotations

import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rask.distributed.client import Client

_lock = threading.Lock()
_engines: dict[bool, tuple[int, Client]] = {}
"""By whether the workers are processes: the process that started the engine, and its client."""


def client_in_use() -> Client | None:
    """Return the client that a computation should use: the task's own, else the newest, or None."""
    distributed = sys.modules.get("rask.distributed.client")
    if distributed is None:
        return None
    from rask.distributed.worker import client_of_task

    return client_of_task() or distributed.newest_client()


def thread_engine() -> Client:
    """Return the engine whose workers are threads of this process."""
    return _engine(processes=False)


def process_engine() -> Client:
    """Return the engine whose workers are processes."""
    return _engine(processes=True)


def _engine(processes: bool) -> Client:
    with _lock:
        pid, client = _engines.get(processes, (0, None))
        # A forked child has a copy of the entry but none of the threads.
        if client is None or pid != os.getpid() or client.status != "running":
            from rask.distributed.client import Client

            client = Client(processes=processes, dashboard_address="", set_as_default=False, name="embedded")
            _engines[processes] = (os.getpid(), client)
        return client
