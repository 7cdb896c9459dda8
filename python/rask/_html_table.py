"""Tables for notebooks, which look right on light and on dark pages."""

from __future__ import annotations

from collections.abc import Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TABLE = 'style="border-collapse: collapse; margin: 4px 0; color: inherit; font: inherit;"'
_CELL = 'style="text-align: left; padding: 2px 10px 2px 0; border: 0;"'


def table(rows: Iterable[tuple[Any, ...]], head: tuple[str, ...] | None = None) -> str:
    """Return rows of what is HTML already; integers get their thousands set apart."""

    def cells(row: tuple[Any, ...], tag: str) -> str:
        texts = (f"{item:,}" if isinstance(item, int) else item for item in row)
        return "".join(f"<{tag} {_CELL}>{text}</{tag}>" for text in texts)

    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>" if head else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table {_TABLE}>{top}<tbody>{body}</tbody></table>"
