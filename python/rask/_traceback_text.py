"""Tracebacks as text, for those who cannot decode the exception: the scheduler and its dashboard.

It is what Python prints. Printing costs more than all else about a failure, mostly for looking at source
files, so what was printed of a place in the code is printed again.
"""

from __future__ import annotations

import traceback
import types

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"

_PLACES_MAX = 1_000
"""So many places in code are remembered; then all are forgotten, for they keep code alive."""

_LINKS_MAX = 20
"""So many exceptions of a chain are printed, the last ones."""

_REPEATS_MAX = 3
"""So often in a row a place is printed, as in Python."""

_places: dict[tuple[types.CodeType, int], str] = {}


def traceback_text(error: BaseException) -> str:
    """Return what Python prints about an exception that nobody catches; empty if that fails."""
    try:
        if hasattr(error, "exceptions"):  # a group, printed as a tree
            return _encodable("".join(traceback.format_exception(error)))
        return _encodable("".join(_chain(error)))
    except Exception:  # a traceback is a help, not worth a failure
        return ""


def _chain(error: BaseException) -> list[str]:
    parts: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(seen) < _LINKS_MAX:
        seen.add(id(link))
        trace = [] if link.__traceback__ is None else ["Traceback (most recent call last):\n"]
        parts.append("".join(trace + _frames(link.__traceback__) + _last_lines(link)))
        if link.__cause__ is not None:
            link, joint = link.__cause__, _CAUSE
        elif link.__context__ is not None and not link.__suppress_context__:
            link, joint = link.__context__, _CONTEXT
        else:
            break
        if id(link) not in seen and len(seen) < _LINKS_MAX:
            parts.append(joint)
    return parts[::-1]


def _last_lines(error: BaseException) -> list[str]:
    return traceback.format_exception_only(type(error), error)


def _frames(tb: types.TracebackType | None) -> list[str]:
    lines: list[str] = []
    last, repeats = None, 0
    while tb is not None:
        place = (tb.tb_frame.f_code, tb.tb_lasti)
        if place == last:
            repeats += 1
        else:
            _say_repeats(lines, repeats)
            last, repeats = place, 1
        if repeats <= _REPEATS_MAX:
            lines.append(_place(place, tb))
        tb = tb.tb_next
    _say_repeats(lines, repeats)
    return lines


def _say_repeats(lines: list[str], repeats: int) -> None:
    more = repeats - _REPEATS_MAX
    if more > 0:
        lines.append(f"  [Previous line repeated {more} more time{'s' if more > 1 else ''}]\n")


def _place(place: tuple[types.CodeType, int], tb: types.TracebackType) -> str:
    text = _places.get(place)
    if text is None:
        if len(_places) >= _PLACES_MAX:
            _places.clear()
        text = _places[place] = "".join(traceback.format_tb(tb, limit=1))
    return text


def _encodable(text: str) -> str:
    """Return the text with escapes for what is no character, such as half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode()
