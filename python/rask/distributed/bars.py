"""How far futures are: a line of text in a terminal, bars in a notebook."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from rask.sizes import format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    from rask._core import Future

__all__ = ["progress"]

WIDTH = 40
REDRAW_S = 0.1
LOOK_FIRST_S = 0.005
"""A terminal is looked after this often at first, so that what is short is not kept waiting."""
SHARE_OF_SCHEDULER = 20
"""Asking the scheduler takes at most one part in so many of its time."""

ACTIVE_STATES = ("waiting", "queued", "no-worker", "processing")
"""Of tasks that are not done; those released were, or nobody needs them."""


class Count:
    """How many tasks of one kind there are, and how many of them are done or erred.

    Parameters
    ----------
    total, done, erred : int
        Tasks. Erred ones, and ones that were given up, are not among those done.
    gone : int
        Tasks that were cancelled, or whose futures were let go of.
    """

    __slots__ = ("done", "erred", "gone", "total")

    def __init__(self, total: int, done: int = 0, erred: int = 0, gone: int = 0) -> None:
        self.total = total
        self.done = done
        self.erred = erred
        self.gone = gone

    @property
    def left(self) -> int:
        """Tasks of which nobody knows yet what becomes of them."""
        return max(0, self.total - self.done - self.erred - self.gone)

    def __repr__(self) -> str:
        return f"Count({self.total}, done={self.done}, erred={self.erred}, gone={self.gone})"

    @classmethod
    def sum(cls, counts: Iterable[Count]) -> Count:
        """Add some up."""
        sums = cls(0)
        for count in counts:
            sums.total += count.total
            sums.done += count.done
            sums.erred += count.erred
            sums.gone += count.gone
        return sums


class Tracker:
    """Looks at futures, and at what they need, without holding any of them.

    Parameters
    ----------
    futures : list of Future
        Which; all of one client.
    complete : bool
        Count also what is done already.
    group_by : "prefix" or callable
        Names the group of a key. By prefix, the tasks that the futures' graphs need are counted, too.
    """

    def __init__(
        self,
        futures: list[Future],
        complete: bool = True,
        group_by: str | Callable[[Any], Any] = "prefix",
    ) -> None:
        self._session = futures[0]._session()
        for future in futures:
            if future.status is None:
                future._session()  # made from a key: asks for the task now
        if not complete:
            # If all are done, all is shown.
            futures = [future for future in futures if not future.done()] or futures
        names = self._names(futures, group_by)
        numbers: dict[str, int] = {}
        groups = [numbers.setdefault(name, len(numbers)) for name in names]
        self._watched = self._session.watched(futures, groups)
        self._groups = list(numbers)
        self._graph: dict[str, int] = self._watched.graph_tasks() if group_by == "prefix" else {}
        here = Counter(names)
        if not any(count > here[name] for name, count in self._graph.items()):
            self._graph = {}  # each of its tasks is a future here
        self._counts: dict[str, dict[str, int]] = {}
        self._left: dict[str, int] = {}
        self._ask_again = 0.0

    def _names(self, futures: list[Future], group_by: str | Callable[[Any], Any]) -> list[str]:
        if callable(group_by):
            return [_name_of(group_by(future.key)) for future in futures]
        return self._session.watched(futures, [0] * len(futures)).prefixes()

    def look(self) -> tuple[dict[str, Count], bool]:
        """Return counts by group, and whether all futures are done."""
        counts: dict[str, Count] = {}
        pending = 0
        for name, (waiting, done, erred, gone) in zip(self._groups, self._watched.count(), strict=True):
            pending += waiting
            counts[name] = Count(waiting + done + erred + gone, done, erred, gone)
        if self._graph:
            self._add_graph(counts, over=pending == 0)
        return counts, pending == 0

    def is_closed(self) -> bool:
        """Whether the client is closed: nothing will change any more."""
        return self._watched.is_closed()

    def _add_graph(self, counts: dict[str, Count], over: bool) -> None:
        """Count what the futures need, as far as the scheduler still has it."""
        failed = any(count.erred or count.gone for count in counts.values())
        now = time.monotonic()
        if now >= self._ask_again:
            self._counts = self._session.query("task_counts", None)["prefixes"]
            self._ask_again = time.monotonic() + SHARE_OF_SCHEDULER * (time.monotonic() - now)
        for name, total in self._graph.items():
            own = counts.get(name, Count(0))
            states = self._counts.get(name, {})
            inner = max(0, total - own.total)
            gone = 0
            if over:
                # What was left when a graph failed will not be done.
                gone = min(inner, self._left.get(name, 0)) if failed else 0
                left = 0
            else:
                active = sum(states.get(state, 0) for state in ACTIVE_STATES)
                left = self._left[name] = min(inner, max(0, active - own.left))
            erred = min(inner - left - gone, max(0, states.get("erred", 0) - own.erred))
            done = inner - left - gone - erred
            counts[name] = Count(own.total + inner, own.done + done, own.erred + erred, own.gone + gone)


def _name_of(group: Any) -> str:
    if isinstance(group, bytes):
        return group.decode(errors="replace")
    return str(group[0] if isinstance(group, tuple) and group else group)


def progress(
    *futures: Any,
    notebook: bool | None = None,
    multi: bool = True,
    complete: bool = True,
    group_by: str | Callable[[Any], Any] = "prefix",
    out: TextIO | None = None,
    **kwargs: Any,
) -> Any:
    """Show how far futures are.

    In a terminal it writes a line of text, and returns when they are done. In a notebook it returns at once:
    what it returns, as the last expression of a cell, shows itself and goes on until they are done.

    Parameters
    ----------
    *futures
        Futures, persisted collections, or lists or dicts of them.
    notebook : bool, optional
        Whether this is a notebook; found out by default.
    multi : bool
        In a notebook, one bar for each kind of task; else one for all.
    complete : bool
        Count also what is done already.
    group_by : "prefix" or callable
        What kind of task a key is: a function of keys, by default the key's prefix. By prefix, the tasks
        between the futures of a graph have bars as well.
    out : file, optional
        Where a terminal's line is written; standard output by default.

    Examples
    --------
    >>> from rask.distributed import Client, progress
    >>> with Client(processes=False) as client:
    ...     progress(client.map(abs, range(100)), notebook=False)  # doctest: +ELLIPSIS
    [####...
    """
    from rask.distributed.client import futures_of

    if group_by != "prefix" and not callable(group_by):
        if group_by == "spans":
            raise NotImplementedError("group_by='spans' is not offered: rask has no spans; pass a function")
        raise ValueError(f"group_by= must be 'prefix' or a function of keys, got {group_by!r}")
    watched = futures_of(list(futures))
    tracker = Tracker(watched, complete, group_by) if watched else None
    del watched, futures  # what is shown is not kept alive by it
    if _is_notebook() if notebook is None else notebook:
        from rask.distributed.bars_html import ProgressWidget

        return ProgressWidget(tracker, multi)
    if tracker is not None:
        _show_as_text(tracker, sys.stdout if out is None else out)
    return None


def _is_notebook() -> bool:
    """Whether this is an IPython kernel, rather than a terminal."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def _show_as_text(tracker: Tracker, out: TextIO) -> None:
    started = time.monotonic()
    pause, drawn = LOOK_FIRST_S, -REDRAW_S
    clock = threading.Event()  # never set: a sleep that Ctrl-C ends
    while True:
        counts, over = tracker.look()
        count = Count.sum(counts.values())
        share = 1.0 if over and not count.gone else 1 - count.left / count.total
        over = over or tracker.is_closed()
        elapsed_s = time.monotonic() - started
        if over or elapsed_s - drawn >= REDRAW_S:
            drawn = elapsed_s
            draw_bar(out, share, elapsed_s)
        if over:
            break
        clock.wait(pause)
        pause = min(REDRAW_S, 2 * pause)
    if count.erred or count.gone:
        notes = [f"{n} {what}" for n, what in ((count.erred, "erred"), (count.gone, "given up")) if n]
        out.write(f" ({', '.join(notes)})")
    out.write("\n")
    out.flush()


def draw_bar(out: TextIO, share: float, elapsed_s: float, width: int = WIDTH, end: str = "") -> None:
    """Write the line anew."""
    bar = "#" * int(width * share)
    out.write(f"\r[{bar:<{width}}] | {int(100 * share):3d}% Completed | {format_time(elapsed_s):>9s}{end}")
    out.flush()
