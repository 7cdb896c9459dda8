"""Pictures of graphs: what `visualize` draws. The compiled core does the drawing, without other programs."""

from __future__ import annotations

import os
from collections.abc import Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMATS = ("png", "svg", "dot")
NODES_MAX = 2_000
"""A graph with more shapes than this is drawn as its groups of tasks."""


class Picture:
    """A picture that shows itself in a notebook.

    Parameters
    ----------
    data : bytes
        The picture.
    format : str
        ``"png"``, ``"svg"`` or ``"dot"``.
    filename : str or None
        Where it was written.
    """

    def __init__(self, data: bytes, format: str, filename: str | None) -> None:
        self.data = data
        self.format = format
        self.filename = filename

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        if self.format == "png":
            return {"image/png": self.data}
        kind = "image/svg+xml" if self.format == "svg" else "text/plain"
        return {kind: self.data.decode()}

    def __repr__(self) -> str:
        where = f" in {self.filename}" if self.filename else ""
        return f"<Picture: {self.format}, {len(self.data)} bytes{where}>"


def draw(
    collections: list,
    filename: str | None = "mydask",
    format: str | None = None,
    optimize_graph: bool = False,
    rankdir: str = "BT",
    color: str | None = None,
    cmap: Any = None,
    verbose: bool = False,
    engine: str | None = None,
    scale: float = 2.0,
    **unknown: Any,
) -> Picture:
    """Draw the graphs of collections into one picture; see `rask.visualize`."""
    filename, format = _where(filename, format)
    nodes, edges = _shapes(collections, optimize_graph, color, verbose)
    from rask._core import draw_picture

    data = draw_picture(nodes, edges, rankdir, format, scale)
    if filename is not None:
        with open(filename, "wb") as file:
            file.write(data)
    return Picture(data, format, filename)


def _where(filename: str | None, format: str | None) -> tuple[str | None, str]:
    """The file with its extension, and the format that it or the caller names."""
    if filename is not None:
        filename = os.fspath(filename)
        stem, extension = os.path.splitext(filename)
        if extension[1:].lower() in FORMATS:
            filename, format = stem, format or extension[1:].lower()
    format = (format or "png").lower()
    if format not in FORMATS:
        raise ValueError(f"format={format!r}: a picture is png, svg or dot")
    return (None if filename is None else f"{filename}.{format}"), format


def _shapes(
    collections: list, optimize_graph: bool, color: str | None, verbose: bool
) -> tuple[list[tuple[str, str, str | None]], list[tuple[int, int]]]:
    from rask._core import Delayed, delayed_from_graph, graph_picture

    lazy: list[Delayed] = []
    for collection in collections:
        if isinstance(collection, Delayed):
            lazy.append(collection)
            continue
        graph = collection.__dask_graph__()
        if optimize_graph and hasattr(collection, "__dask_optimize__"):
            graph = collection.__dask_optimize__(graph, collection.__dask_keys__())
        from rask.core import flatten

        lazy.extend(delayed_from_graph(dict(graph), list(flatten([collection.__dask_keys__()]))))
    if optimize_graph:
        from rask.base import optimize

        lazy = list(optimize(*lazy))
    described = graph_picture(lazy, verbose=verbose)
    if len(described["nodes"]) > NODES_MAX:
        return _groups(described["tasks"])
    fills = _fills(described, color)
    nodes = [(node["label"], node["shape"], fills.get(node["key"])) for node in described["nodes"]]
    return nodes, described["edges"]


def _groups(tasks: list[tuple[Any, str, list[int]]]) -> tuple[list, list]:
    """One shape for all tasks of a prefix at one height over the data: a large graph at a glance."""
    heights: list[int] = []
    numbers: dict[tuple[str, int], int] = {}
    counts: list[int] = []
    group_of: list[int] = []
    edges: set[tuple[int, int]] = set()
    for _, prefix, needs in tasks:
        height = 1 + max((heights[need] for need in needs), default=-1)
        heights.append(height)
        number = numbers.setdefault((prefix, height), len(numbers))
        if number == len(counts):
            counts.append(0)
        counts[number] += 1
        group_of.append(number)
        edges.update((group_of[need], number) for need in needs)
    if len(numbers) > NODES_MAX:
        return _prefixes(tasks)
    labels = [f"{prefix} × {count}" for (prefix, _), count in zip(numbers, counts, strict=True)]
    return [(label, "pill", None) for label in labels], sorted(edges)


def _prefixes(tasks: list[tuple[Any, str, list[int]]]) -> tuple[list, list]:
    """One shape for all tasks of a prefix: for graphs that are deep as well."""
    numbers: dict[str, int] = {}
    counts: list[int] = []
    edges: set[tuple[int, int]] = set()
    for _, prefix, _ in tasks:
        number = numbers.setdefault(prefix, len(numbers))
        if number == len(counts):
            counts.append(0)
        counts[number] += 1
    for _, prefix, needs in tasks:
        edges.update((numbers[tasks[need][1]], numbers[prefix]) for need in needs)
    edges = {(a, b) for a, b in edges if a != b}
    labels = [f"{prefix} × {count}" for prefix, count in zip(numbers, counts, strict=True)]
    return [(label, "pill", None) for label in labels], sorted(edges)


def _fills(described: dict[str, Any], color: str | None) -> dict[Any, str]:
    """Colours by key, if a colouring was asked for."""
    if color is None:
        return {}
    if color != "order":
        raise NotImplementedError(f"color={color!r} is not offered yet; color='order' is")
    keys: Iterable[Any] = [key for key, _, _ in described["tasks"]]
    count = max(1, len(described["tasks"]) - 1)
    return {key: _ramp(at / count) for at, key in enumerate(keys)}


def _ramp(share: float) -> str:
    """A colour from blue (first) over green to yellow (last)."""
    stops = ((68, 84, 160), (46, 150, 140), (122, 190, 90), (250, 226, 70))
    at = share * (len(stops) - 1)
    low = min(int(at), len(stops) - 2)
    red, green, blue = (
        round(a + (b - a) * (at - low)) for a, b in zip(stops[low], stops[low + 1], strict=True)
    )
    return f"#{red:02x}{green:02x}{blue:02x}"
