"""A line of text that shows how far a local computation is."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

from rask import core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, TextIO

    from rask._core import Future

__all__ = ["ProgressBar"]


class ProgressBar:
    """Show how far `compute` is, where it runs without a client, and with one as well.

    Parameters
    ----------
    minimum : float
        Seconds: of shorter computations nothing is shown.
    width : int
        Of the bar, in characters.
    dt : float
        Seconds between two looks.
    out : file, optional
        Where to write; standard output by default.

    Attributes
    ----------
    last_duration : float
        Seconds that the last computation took.

    Examples
    --------
    >>> import rask
    >>> from rask.diagnostics import ProgressBar
    >>> with ProgressBar():  # doctest: +ELLIPSIS
    ...     total = rask.delayed(sum)([1, 2]).compute()
    [########################################] | 100% Completed | ...
    """

    active: ClassVar[list[ProgressBar]] = []
    """Those that show whatever is computed now."""

    def __init__(
        self, minimum: float = 0, width: int = 40, dt: float = 0.1, out: TextIO | None = None
    ) -> None:
        self._minimum = minimum
        self._width = width
        self._dt = dt
        self._file = sys.stdout if out is None else out
        self.last_duration = 0.0

    def register(self) -> None:
        """Show all computations from now on."""
        ProgressBar.active.append(self)

    def unregister(self) -> None:
        """Show no more computations.

        Raises
        ------
        KeyError
            If it was not registered.
        """
        if self not in ProgressBar.active:
            raise KeyError(self)
        ProgressBar.active.remove(self)

    def __enter__(self) -> ProgressBar:
        self.register()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.unregister()

    @contextlib.contextmanager
    def _over(self, share: Callable[[], float]) -> Iterator[None]:
        """Draw, again and again, while something is computed."""
        started = time.monotonic()
        ended = threading.Event()

        def go_on() -> None:
            while not ended.is_set():
                elapsed_s = time.monotonic() - started
                if elapsed_s >= self._minimum:
                    self._draw(min(share(), 0.99), elapsed_s)
                ended.wait(self._dt)

        thread = threading.Thread(target=go_on, name="rask-progress-bar", daemon=True)
        thread.start()
        failed = True
        try:
            yield
            failed = False
        finally:
            ended.set()
            thread.join()
            self.last_duration = time.monotonic() - started
            if self.last_duration >= self._minimum:
                self._draw(share() if failed else 1.0, self.last_duration, "\n")

    def _draw(self, share: float, elapsed_s: float, end: str = "") -> None:
        from rask.distributed.bars import draw_bar

        # A closed file, or none, is no reason to end a computation.
        with contextlib.suppress(ValueError, OSError, AttributeError):
            draw_bar(self._file, share, elapsed_s, self._width, end)


class Computation:
    """One call of `compute`, as the bars that are active see it."""

    def __init__(self) -> None:
        self._share: Callable[[], float] = lambda: 0.0

    def of_futures(self, futures: list[Future]) -> None:
        """It runs on an engine: look at its futures, and at what they need."""
        from rask.distributed.bars import Count, Tracker

        tracker = Tracker(futures)

        def share() -> float:
            count = Count.sum(tracker.look()[0].values())
            return count.done / max(1, count.total)

        self._share = share

    def of_calls(self, done: int, total: int) -> None:
        """It runs in this thread: so many calls are done."""
        share = done / total
        self._share = lambda: share

    def share(self) -> float:
        """How much of it is done; 0 if that cannot be said."""
        try:
            return self._share()
        except Exception:  # the engine ended under us: `compute` will say so
            return 0.0


@contextlib.contextmanager
def watched() -> Iterator[Computation | None]:
    """Let the active bars show what is computed within; gives None if there is none.

    Of computations within tasks, only the outermost is shown.
    """
    bars = [] if _is_within_a_task() else list(dict.fromkeys(ProgressBar.active))
    if not bars:
        yield None
        return
    computation = Computation()
    token = core._watcher.set(computation.of_calls)
    try:
        with contextlib.ExitStack() as stack:
            for bar in bars:
                stack.enter_context(bar._over(computation.share))
            yield computation
    finally:
        core._watcher.reset(token)


def _is_within_a_task() -> Any:
    from rask.distributed.worker import running_task

    return running_task() is not None
