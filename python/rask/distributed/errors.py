"""What can go wrong between a client and its cluster, under Dask's names."""

from __future__ import annotations

from concurrent.futures import CancelledError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = [
    "CancelledError",
    "ClosedClientError",
    "CommClosedError",
    "FutureCancelledError",
    "FuturesCancelledError",
    "KilledWorker",
    "NoValidWorkerError",
    "Reschedule",
    "TimeoutError",
    "VersionMismatchWarning",
    "WorkerStartTimeoutError",
]

TimeoutError = TimeoutError
"""The builtin, under the name from which Dask programs import it."""


class CommClosedError(OSError):
    """A connection of the cluster ended while something was under way on it."""


class AccessDeniedError(ConnectionRefusedError):
    """The cluster's secret is not known here, or is another's; the message says where it was looked for."""


class VersionMismatchError(ConnectionRefusedError):
    """The two sides are of versions of rask that do not understand each other; the message names both."""


class ClosedClientError(Exception):
    """The client was closed, or its scheduler is gone: it can do nothing any more."""


class FutureCancelledError(CancelledError):
    """A future that will never have a result.

    Parameters
    ----------
    key : str
        The task's key.
    reason : str
        Why: ``scheduler-restart``, ``lost dependencies``, what the one who cancelled it said, or ``unknown``.
    msg : str, optional
        More words.
    """

    def __init__(self, key: Any, reason: str | None = None, msg: str | None = None) -> None:
        self.key = key
        self.reason = reason or "unknown"
        self.msg = msg

    def __str__(self) -> str:
        text = f"{self.key} cancelled for reason: {self.reason}."
        return f"{text}\n{self.msg}" if self.msg else text

    def __reduce__(self) -> tuple:
        return type(self), (self.key, self.reason, self.msg)


class FuturesCancelledError(CancelledError):
    """Several futures that will never have results.

    Parameters
    ----------
    errors : list of FutureCancelledError
        One for each.
    """

    def __init__(self, errors: Iterable[FutureCancelledError]) -> None:
        self.errors = list(errors)

    def __str__(self) -> str:
        return f"{len(self.errors)} futures cancelled:\n" + "\n".join(f"  {error}" for error in self.errors)

    def __reduce__(self) -> tuple:
        return type(self), (self.errors,)


class LostWorker:
    """The worker that a killed task ran on last; only its address is left.

    Parameters
    ----------
    address : str
        Where it listened.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def __repr__(self) -> str:
        return f"<Worker {self.address!r}, status: lost>"


class KilledWorker(Exception):
    """A task was running on several workers when they died, one after the other, and is not tried again.

    Parameters
    ----------
    task : str
        The task's key.
    last_worker : LostWorker
        The worker that died last.
    allowed_failures : int
        How many deaths were allowed.
    deaths : list of str
        How each of them ended.
    """

    def __init__(
        self, task: Any, last_worker: LostWorker, allowed_failures: int, deaths: Iterable[str] = ()
    ) -> None:
        super().__init__(task, last_worker, allowed_failures)
        self.task = task
        self.last_worker = last_worker
        self.allowed_failures = allowed_failures
        self.deaths = list(deaths)

    def __str__(self) -> str:
        lines = [
            f"Attempted to run task {self.task!r} on {self.allowed_failures + 1} different workers, "
            f"but all those workers died while running it.",
            f"The last was {self.last_worker.address}.",
            *(f"  {death}" for death in self.deaths),
            "Likely causes: the task needs more memory than a worker has, crashes in native code, or ends "
            "its process.",
        ]
        return "\n".join(lines)

    def __reduce__(self) -> tuple:
        return type(self), (self.task, self.last_worker, self.allowed_failures, self.deaths)


class NoValidWorkerError(Exception):
    """No worker may run the task."""


class WorkerStartTimeoutError(TimeoutError):
    """Fewer workers came than were waited for.

    Parameters
    ----------
    available : int
        How many are here.
    expected : int
        How many were waited for.
    timeout : float
        How long, in seconds.
    """

    def __init__(self, available: int, expected: int, timeout: float) -> None:
        super().__init__(available, expected)
        self.timeout = timeout

    def __str__(self) -> str:
        available, expected = self.args
        return f"Only {available}/{expected} workers arrived after {self.timeout}"


class Reschedule(Exception):
    """Raised by a task that wants to run elsewhere."""


class VersionMismatchWarning(Warning):
    """Client and workers run different versions of Python or rask."""
