"""Waiting for futures."""

from __future__ import annotations

from rask.distributed.errors import FutureCancelledError, FuturesCancelledError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures._base import DoneAndNotDoneFutures
    from typing import Any

    from rask._core import Future

__all__ = ["ALL_COMPLETED", "FIRST_COMPLETED", "wait"]

ALL_COMPLETED = "ALL_COMPLETED"
FIRST_COMPLETED = "FIRST_COMPLETED"


def seconds(timeout: float | str | None) -> float | None:
    """Return a time span in seconds; texts such as ``"10 ms"`` are understood."""
    if timeout is None or isinstance(timeout, int | float):
        return timeout
    from rask.sizes import parse_timedelta

    return float(parse_timedelta(timeout))


def wait(fs: Any, timeout: float | str | None = None, return_when: str = ALL_COMPLETED) -> Any:
    """Wait until futures are done, however they ended.

    Parameters
    ----------
    fs : Future, persisted collection, or list or dict of them
        What to wait for.
    timeout : float or str, optional
        Seconds (or a text such as ``"10 s"``) to wait at most.
    return_when : str
        ``ALL_COMPLETED`` or ``FIRST_COMPLETED``.

    Returns
    -------
    DoneAndNotDoneFutures
        A named tuple of two sets. With an asynchronous client: an awaitable of it.

    Raises
    ------
    TimeoutError
        If they are not done in time.
    CancelledError
        If one was cancelled.

    Examples
    --------
    >>> from rask.distributed import Client, wait
    >>> with Client(processes=False) as client:
    ...     done, not_done = wait(client.map(abs, [-1, 2]))
    >>> len(done), len(not_done)
    (2, 0)
    """
    from rask.distributed.client import default_client, futures_of

    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED):
        raise NotImplementedError(
            f"return_when={return_when!r}: only ALL_COMPLETED and FIRST_COMPLETED are known"
        )
    futures = futures_of(fs)
    client = futures[0].client if futures else default_client()
    everyone = return_when == ALL_COMPLETED
    if client.asynchronous:
        return _wait_async(futures, seconds(timeout), everyone)
    if futures and not futures[0]._session().wait(futures, everyone, seconds(timeout)):
        raise TimeoutError
    return _sort_out(futures)


async def _wait_async(futures: list[Future], timeout: float | None, everyone: bool) -> DoneAndNotDoneFutures:
    import asyncio

    if futures:
        watcher = futures[0].client._watcher
        waiting = [watcher.wake_when_done(future) for future in futures]
        when = asyncio.ALL_COMPLETED if everyone else asyncio.FIRST_COMPLETED
        done, pending = await asyncio.wait(waiting, timeout=timeout, return_when=when)
        if pending if everyone else not done:
            raise TimeoutError
    return _sort_out(futures)


def _sort_out(futures: Iterable[Future]) -> DoneAndNotDoneFutures:
    done, not_done, cancelled = set(), set(), []
    for future in futures:
        status = future.status
        if status in ("cancelled", "lost"):
            cancelled.append(FutureCancelledError(future.key, future._reason()))
        else:
            (not_done if status == "pending" else done).add(future)
    if cancelled:
        raise FuturesCancelledError(cancelled)
    from concurrent.futures._base import DoneAndNotDoneFutures

    return DoneAndNotDoneFutures(done, not_done)
