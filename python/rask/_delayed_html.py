"""A lazy value in a notebook: its graph as a picture while it is small, else what there is of what.

Nothing is computed for it, and of a large graph nothing but counts is looked at.
"""

from __future__ import annotations

from html import escape

from rask._html_table import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DRAWN_MAX = 60
"""A graph of more tasks is not drawn."""
ROWS_MAX = 10
"""So many prefixes are listed, those with most tasks."""


def delayed_html(delayed: Any) -> str:
    """Return a lazy value as HTML that looks right on light and on dark pages."""
    from rask._core import count_nodes, delayed_futures

    futures = delayed_futures(delayed)
    if futures:
        kind = futures[0]._type_name()
        type_text = f", <strong>type:</strong> {escape(kind)}" if kind else ""
        return _framed(delayed, f"persisted, <strong>status:</strong> {futures[0].status}{type_text}", "")
    calls, n_futures, n_in_graphs = count_nodes(delayed)
    if n_in_graphs == 1 and not calls:
        return _of_graph(delayed)
    if n_in_graphs or sum(calls.values()) + n_futures > DRAWN_MAX:
        return _listed(delayed, calls, n_futures, n_in_graphs)
    return _drawn(delayed)


def _of_graph(delayed: Any) -> str:
    """A lazy value over a graph that somebody else made: a dict, or layers."""
    graph = delayed.__dask_graph__()
    layers = getattr(graph, "layers", None)
    count = len(graph) if layers is None else sum(map(len, layers.values()))
    if count <= DRAWN_MAX:
        return _drawn(delayed)
    inside = graph._repr_html_() if layers is not None and len(layers) > 1 else ""
    return _framed(delayed, f"{count:,} tasks", inside)


def _drawn(delayed: Any) -> str:
    from rask._core import draw_picture, graph_picture

    tasks = graph_picture([delayed])["tasks"]
    nodes = [(prefix, "pill", None) for _, prefix, _ in tasks]
    edges = [(need, number) for number, (_, _, needs) in enumerate(tasks) for need in needs]
    svg = draw_picture(nodes, edges, "LR", "svg", 1.0).decode() if tasks else ""
    count = len(tasks)
    return _framed(
        delayed,
        f"{count} task{'s' if count != 1 else ''}",
        f'<div style="overflow: auto; max-height: 400px;">{svg}</div>',
    )


def _listed(delayed: Any, calls: dict[str, int], n_futures: int, n_in_graphs: int) -> str:
    total = sum(calls.values()) + n_in_graphs
    most = sorted(calls.items(), key=lambda item: (-item[1], item[0]))
    rows = [(escape(prefix), count) for prefix, count in most[:ROWS_MAX]]
    if len(most) > ROWS_MAX:
        rows.append((f"{len(most) - ROWS_MAX} more names", sum(count for _, count in most[ROWS_MAX:])))
    if n_in_graphs:
        rows.append(("<i>parts of other graphs</i>", n_in_graphs))
    if n_futures:
        rows.append(("<i>futures</i>", n_futures))
    return _framed(delayed, f"{total:,} task{'s' if total != 1 else ''}", table(rows))


def _framed(delayed: Any, what: str, inside: str) -> str:
    return (
        f"<div><strong>Delayed</strong> <span>{what},</span> "
        f"<span><strong>key:</strong> {escape(str(delayed.key))}</span>{inside}</div>"
    )
