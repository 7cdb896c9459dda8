"""How far futures are, as a line of text."""

from __future__ import annotations

import sys
import time

from rask.distributed.completed import as_completed
from rask.sizes import format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

__all__ = ["progress"]

WIDTH = 40
REDRAW_S = 0.1


def progress(
    *futures: Any,
    notebook: bool | None = None,
    multi: bool = True,
    complete: bool = True,
    group_by: str = "prefix",
    out: TextIO | None = None,
) -> None:
    """Show how far futures are, and return when they are done.

    Parameters
    ----------
    *futures
        Futures, persisted collections, or lists or dicts of them.
    notebook, multi, complete, group_by : optional
        Accepted as Dask does; for now the line of text is the same everywhere.
    out : file, optional
        Where to write; standard output by default.
    """
    from rask.distributed.client import futures_of

    watched = futures_of(list(futures))
    out = sys.stdout if out is None else out
    started = time.monotonic()
    if not watched:
        return
    remaining = as_completed(watched)
    total, done = remaining.count(), 0
    drawn = 0.0
    while not remaining.is_empty():
        done += len(remaining.next_batch())
        now = time.monotonic()
        if now - drawn >= REDRAW_S or done == total:
            drawn = now
            _draw(out, done / total, now - started)
    out.write("\n")
    out.flush()


def _draw(out: TextIO, share: float, elapsed_s: float) -> None:
    bar = "#" * int(WIDTH * share)
    out.write(f"\r[{bar:<{WIDTH}}] | {int(100 * share):3d}% Completed | {format_time(elapsed_s):>7s}")
    out.flush()
