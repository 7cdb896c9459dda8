"""Which exception is raised for what: asked by the compiled core."""

from __future__ import annotations

from rask.distributed.errors import (
    AccessDeniedError,
    ClosedClientError,
    CommClosedError,
    FutureCancelledError,
    KilledWorker,
    LostWorker,
    VersionMismatchError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def killed_worker(key: Any, last_worker: str, allowed_failures: int, deaths: list[str]) -> KilledWorker:
    """The exception of a task that was on too many workers that died."""
    return KilledWorker(key, LostWorker(last_worker), allowed_failures, deaths)


def cancelled(key: Any, reason: str) -> FutureCancelledError:
    """The exception of a future that will never have a result."""
    return FutureCancelledError(key, reason)


def unreachable(key: Any, reason: str) -> CommClosedError:
    """The exception of a result that exists and cannot be brought."""
    return CommClosedError(f"the result of {key} could not be brought: {reason}")


def closed(reason: str) -> ClosedClientError:
    """The exception of a client that can do nothing any more."""
    return ClosedClientError(f"Client is closed. {reason}")


def lost_worker(text: str) -> CommClosedError:
    """The exception of a worker that was lost while it was asked."""
    return CommClosedError(text)


def access_denied(text: str) -> AccessDeniedError:
    """The exception of a client without the cluster's secret."""
    return AccessDeniedError(text)


def version_mismatch(text: str) -> VersionMismatchError:
    """The exception of a client of another version."""
    return VersionMismatchError(text)


def unreachable_scheduler(text: str) -> OSError:
    """The exception of a client that finds no scheduler."""
    return OSError(text)
