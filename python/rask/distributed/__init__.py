"""The distributed face of rask: clients, futures, clusters.

>>> from rask.distributed import Client
>>> with Client(processes=False) as client:
...     client.submit(pow, 2, 5).result()
32
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HOMES = {
    "ALL_COMPLETED": "waiting",
    "CancelledError": "errors",
    "Client": "client",
    "ClosedClientError": "errors",
    "CommClosedError": "errors",
    "FIRST_COMPLETED": "waiting",
    "FutureCancelledError": "errors",
    "FuturesCancelledError": "errors",
    "KilledWorker": "errors",
    "LocalCluster": "cluster",
    "NoValidWorkerError": "errors",
    "Reschedule": "errors",
    "Status": "cluster",
    "TimeoutError": "errors",
    "VersionMismatchWarning": "errors",
    "WorkerStartTimeoutError": "errors",
    "as_completed": "completed",
    "default_client": "client",
    "fire_and_forget": "client",
    "futures_of": "client",
    "get_client": "client",
    "get_worker": "worker",
    "local_client": "worker",
    "print": "notices",
    "progress": "bars",
    "rejoin": "worker",
    "secede": "worker",
    "wait": "waiting",
    "warn": "notices",
    "worker_client": "worker",
}
"""Where the public names live; imported when first used."""

__all__ = sorted([*_HOMES, "Future"])


def __getattr__(name: str) -> Any:
    if name == "Future":
        from rask._core import Future as value
    elif name in _HOMES:
        module = importlib.import_module(f"rask.distributed.{_HOMES[name]}")
        value = getattr(module, "worker_client" if name == "local_client" else name)
    else:
        from rask.distributed.missing import MODULE_NAMES

        if name in MODULE_NAMES:
            raise NotImplementedError(
                f"rask.distributed.{name} is not offered yet. {MODULE_NAMES[name]}".rstrip()
            )
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
