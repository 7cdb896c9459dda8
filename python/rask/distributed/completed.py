"""Futures in the order in which they finish."""

from __future__ import annotations

import time
from collections import deque

from rask.distributed.errors import CancelledError
from rask.distributed.waiting import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from typing import Any

    from rask._core import Future

__all__ = ["as_completed"]

STEP_S = 0.5
"""How long a thread waits at most on behalf of a coroutine before it asks again."""


class as_completed:
    """Iterate over futures as they finish.

    Parameters
    ----------
    futures : iterable of Future, optional
        Which. A future that is there twice comes twice.
    loop : optional
        Not used; accepted as Dask does.
    with_results : bool
        Yield ``(future, result)`` instead of ``future``.
    raise_errors : bool
        With results: raise a failed task's exception. If False, its result is
        ``(type, exception, traceback)``.
    timeout : float or str, optional
        Seconds (or a text such as ``"10 s"``) until iteration raises ``TimeoutError``.

    Examples
    --------
    >>> from rask.distributed import Client, as_completed
    >>> with Client(processes=False) as client:
    ...     sorted(future.result() for future in as_completed(client.map(abs, [-1, 2])))
    [1, 2]
    """

    def __init__(
        self,
        futures: Iterable[Future] | None = None,
        loop: Any = None,
        with_results: bool = False,
        raise_errors: bool = True,
        *,
        timeout: float | str | None = None,
    ) -> None:
        self.with_results = with_results
        self.raise_errors = raise_errors
        self._deadline = None if timeout is None else time.monotonic() + seconds(timeout)
        self._timeout = timeout
        self._queue: Any = None
        self._ready: deque[Future] = deque()
        self._waiting: dict[int, Future] = {}
        self._number = 0
        self.update(futures or ())

    def add(self, future: Future) -> None:
        """Wait for one more future."""
        self.update((future,))

    def update(self, futures: Iterable[Future]) -> None:
        """Wait for more futures."""
        from rask._core import Future

        for future in futures:
            if not isinstance(future, Future):
                raise TypeError(f"Input must be a future, got {type(future).__name__}")
            if self._queue is None:
                self._queue = future._session().completion_queue()
            self._waiting[self._number] = future
            self._queue.watch(future, self._number)
            self._number += 1

    def count(self) -> int:
        """Return the number of futures that were not yielded yet."""
        return len(self._waiting) + len(self._ready)

    def is_empty(self) -> bool:
        """Whether nothing is left to yield."""
        return not self.count()

    def has_ready(self) -> bool:
        """Whether the next step of the iteration would not block."""
        self._take(0)
        return bool(self._ready)

    def clear(self) -> None:
        """Forget all futures that were not yielded yet."""
        self._waiting.clear()
        self._ready.clear()

    def next_batch(self, block: bool = True) -> list:
        """Return the futures that have finished and were not yielded; at least one if `block`."""
        if self.is_empty():
            raise StopIteration
        self._take(self._left() if block and not self._ready else 0)
        if block and not self._ready:
            raise TimeoutError(f"timed out after {self._timeout} s")
        batch = list(self._ready)
        self._ready.clear()
        return [self._dress(future) for future in batch]

    def batches(self) -> Iterator[list]:
        """Iterate over lists of whatever has finished since the last."""
        while not self.is_empty():
            yield self.next_batch()

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        if self.is_empty():
            raise StopIteration
        self._refuse_in_event_loop()
        if not self._ready:
            self._take(self._left())
        if not self._ready:
            raise TimeoutError(f"timed out after {self._timeout} s")
        return self._dress(self._ready.popleft())

    def __aiter__(self) -> AsyncIterator:
        return self

    async def __anext__(self) -> Any:
        if self.is_empty():
            raise StopAsyncIteration
        self._take(0)
        if not self._ready:
            await self._first_of_waiting()
        future = self._ready.popleft()
        if not self.with_results:
            return future
        if future.status == "finished":
            return future, await future
        return self._dress(future)

    async def _first_of_waiting(self) -> None:
        """Let the running loop go on until a future that we wait for is done."""
        import asyncio

        loop = asyncio.get_running_loop()
        while not self._ready:
            left = self._left()
            if left == 0:
                raise TimeoutError(f"timed out after {self._timeout} s")
            # In steps, so that a coroutine that is cancelled does not leave a thread waiting for ever.
            await loop.run_in_executor(None, self._take, STEP_S if left is None else min(left, STEP_S))

    def _left(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _take(self, timeout: float | None) -> None:
        if self._queue is None:
            return
        for number in self._queue.take(timeout) or ():
            future = self._waiting.pop(number, None)
            if future is not None:
                self._ready.append(future)

    def _dress(self, future: Future) -> Any:
        if not self.with_results:
            return future
        if future.status == "error" and not self.raise_errors:
            error = future.exception()
            return future, (type(error), error, future.traceback())
        try:
            return future, future._result_now()
        except CancelledError:
            if self.raise_errors:
                raise
            return future, None

    def _refuse_in_event_loop(self) -> None:
        future = next(iter(self._waiting.values()), None)
        if future is not None and getattr(future.client, "asynchronous", False):
            raise RuntimeError("this client is asynchronous: write `async for` instead of `for`")

    def __repr__(self) -> str:
        return f"<as_completed: waiting={len(self._waiting)} done={len(self._ready)}>"
