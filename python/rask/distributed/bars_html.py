"""Bars in a notebook. They are drawn anew on a thread, in place, until the futures are done."""

from __future__ import annotations

import threading
import time
from html import escape

from rask.distributed.bars import Count, Tracker
from rask.sizes import format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REDRAW_S = 0.2
PAUSE_MAX_S = 1.0
"""A computation that takes long is looked at less often."""
BARS_MAX = 50
"""So many bars are shown; what is left shares the last one."""

# Light and dark pages bring their own colours for text; these are seen on both.
_DONE, _ERRED, _GONE = "#3b8fd4", "#d64545", "#98a2ad"
_TRACK = "rgba(128, 128, 128, 0.25)"
_TABLE = "border-collapse: collapse; margin: 0; color: inherit; font: inherit;"
_CELL = "padding: 2px 10px 2px 0; border: 0; text-align: left;"


class ProgressWidget:
    """What `progress` returns in a notebook: shows itself, and is drawn anew in the background.

    Parameters
    ----------
    tracker : Tracker or None
        What to show; None: there is nothing.
    multi : bool
        One bar for each kind of task.
    """

    def __init__(self, tracker: Tracker | None, multi: bool = True) -> None:
        self._tracker = tracker
        self._multi = multi
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._shown: list[Any] = []
        self._thread: threading.Thread | None = None
        self.html, self._over = self._look()

    def _look(self) -> tuple[str, bool]:
        elapsed_s = time.monotonic() - self._started
        if self._tracker is None:
            return _heading("Finished", "no tasks given"), True
        counts, over = self._tracker.look()
        closed = self._tracker.is_closed()
        if not self._multi:
            counts = {"": Count.sum(counts.values())}
        return bars_html(counts, elapsed_s, over, closed), over or closed

    def _ipython_display_(self, **kwargs: Any) -> None:
        if not self._over and self._thread is None:
            self.html, self._over = self._look()
        with self._lock:
            self._shown.append(_shown(self.html))
            if not self._over and self._thread is None:
                self._thread = threading.Thread(target=self._go_on, name="rask-progress", daemon=True)
                self._thread.start()

    def _go_on(self) -> None:
        while not self._over:
            elapsed_s = time.monotonic() - self._started
            time.sleep(min(PAUSE_MAX_S, max(REDRAW_S, elapsed_s / 100)))
            try:
                html, self._over = self._look()
            except Exception as error:  # the session ended under us
                html, self._over = _heading("Stopped", escape(str(error))), True
            if html != self.html:
                self._redraw(html)
        self._tracker = None

    def _redraw(self, html: str) -> None:
        self.html = html
        with self._lock:
            shown = list(self._shown)
        for update in shown:
            try:
                update(html)
            except Exception:  # this output is gone; the others go on
                with self._lock:
                    self._shown.remove(update)

    def __repr__(self) -> str:
        return "<progress: shown in notebooks only>"


def _shown(html: str) -> Any:
    """Show some HTML; return what replaces it by other HTML."""
    from IPython.display import HTML, display

    try:
        from ipywidgets import HTML as Widget
    except ImportError:
        handle = display(HTML(html), display_id=True)
        return lambda html: handle.update(HTML(html))
    widget = Widget(html)
    display(widget)
    return lambda html: setattr(widget, "value", html)


# --- the drawing -------------------------------------------------------------------------------------------


def bars_html(counts: dict[str, Count], elapsed_s: float, over: bool, closed: bool) -> str:
    """Return bars for counts by name, those of most tasks first."""
    most = sorted(counts.items(), key=lambda item: (-item[1].total, item[0]))
    if len(most) > BARS_MAX:
        rest = most[BARS_MAX - 1 :]
        most = [*most[: BARS_MAX - 1], (f"{len(rest)} more", Count.sum(count for _, count in rest))]
    whole = Count.sum(counts.values())
    if over:
        what = "Failed" if whole.erred else "Given up" if whole.gone else "Finished"
    else:
        what = "The client was closed" if closed else "Computing"
    rows = "".join(_bar(name, count) for name, count in most)
    return f'{_heading(what, format_time(elapsed_s))}<table style="{_TABLE}"><tbody>{rows}</tbody></table>'


def _heading(what: str, more: str) -> str:
    return f'<div style="padding: 2px 0 4px 0;"><b>{what}:</b> {more}</div>'


def _bar(name: str, count: Count) -> str:
    parts = ((_DONE, count.done), (_ERRED, count.erred), (_GONE, count.gone))
    total = max(1, count.total)
    filled = "".join(
        f'<span style="display: inline-block; height: 10px; vertical-align: top; background: {colour}; '
        f'width: {100 * n / total:.2f}%;"></span>'
        for colour, n in parts
        if n
    )
    notes = [f"{n:,} {what}" for n, what in ((count.erred, "erred"), (count.gone, "given up")) if n]
    return (
        f'<tr style="background: none;"><td style="{_CELL} max-width: 200px; overflow: hidden; '
        f'text-overflow: ellipsis; white-space: nowrap;" title="{escape(name)}">{escape(name)}</td>'
        f'<td style="{_CELL}"><div style="width: 240px; height: 10px; line-height: 0; font-size: 0; '
        f"white-space: nowrap; overflow: hidden; border-radius: 5px; background: {_TRACK};"
        f'">{filled}</div></td>'
        f'<td style="{_CELL} text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums;">'
        f"{count.done:,} / {count.total:,}</td>"
        f'<td style="{_CELL} color: {_ERRED}; white-space: nowrap;">{", ".join(notes)}</td></tr>'
    )
