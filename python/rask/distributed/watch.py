"""Being told when futures finish, without waiting for them: callbacks and asyncio.

A client that needs it has one thread here, which blocks in the compiled core until some of the watched
futures are done and then tells everybody concerned: asyncio loops once per batch, however many futures it
holds.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

    from rask._core import Future, Session


class Watcher:
    """Tells callbacks and event loops of futures that are done.

    Parameters
    ----------
    session : Session
        Whose futures.
    """

    def __init__(self, session: Session) -> None:
        self._queue = session.completion_queue()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._waiting: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def call_when_done(self, future: Future, callback: Callable[[], None]) -> None:
        """Call `callback` in the watching thread once `future` is done."""
        number = next(self._numbers)
        self._callbacks[number] = callback
        self._watch(future, number)

    def wake_when_done(self, future: Future) -> asyncio.Future:
        """Return an asyncio future of the running loop that is done when `future` is."""
        import asyncio

        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        if future.done():
            waiting.set_result(None)
            return waiting
        number = next(self._numbers)
        self._waiting[number] = (loop, waiting)
        self._watch(future, number)
        return waiting

    def close(self) -> None:
        """End the thread; whoever still waits is woken."""
        self._queue.close()

    def _watch(self, future: Future, number: int) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rask-callbacks", daemon=True)
                self._thread.start()
        self._queue.watch(future, number)

    def _run(self) -> None:
        while True:
            numbers = self._queue.take(None)
            if numbers is None:
                break
            self._tell(numbers)
        self._tell(list(self._waiting))

    def _tell(self, numbers: list[int]) -> None:
        batches: dict[asyncio.AbstractEventLoop, list[asyncio.Future]] = {}
        for number in numbers:
            callback = self._callbacks.pop(number, None)
            if callback is not None:
                _call(callback)
                continue
            loop, waiting = self._waiting.pop(number, (None, None))
            if loop is not None:
                batches.setdefault(loop, []).append(waiting)
        for loop, batch in batches.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, batch)


def _wake(batch: list[asyncio.Future]) -> None:
    for waiting in batch:
        if not waiting.done():
            waiting.set_result(None)


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        import logging

        logging.getLogger("rask.distributed").exception("a done callback raised")
