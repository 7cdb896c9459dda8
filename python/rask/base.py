"""Collections, whatever their kind: recognised, found inside other things, computed, persisted, optimized,
drawn.

A collection is an object with ``__dask_graph__`` and its kin; rask's own is `Delayed`. Where a computation
runs is decided here: on the client in use, on the engine inside this process, or as ``scheduler=`` says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator

from rask import config
from rask._core import Failure
from rask.annotations import annotate, get_annotations
from rask.core import flatten
from rask.tokenize import TokenizationError, normalize_token, tokenize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "DaskMethodsMixin",
    "TokenizationError",
    "annotate",
    "compute",
    "get_annotations",
    "get_scheduler",
    "is_dask_collection",
    "normalize_token",
    "optimize",
    "persist",
    "tokenize",
    "unpack_collections",
    "visualize",
]


def is_dask_collection(x: Any) -> bool:
    """Whether `x` is a collection: has a graph of its own. Classes are not.

    Examples
    --------
    >>> import rask
    >>> is_dask_collection(rask.delayed(1)), is_dask_collection([1])
    (True, False)
    """
    if isinstance(x, type) or not hasattr(x, "__dask_graph__"):
        return False
    graph = x.__dask_graph__
    return callable(graph) and graph() is not None if not _is_delayed(x) else True


def _is_delayed(x: Any) -> bool:
    from rask._core import Delayed

    return isinstance(x, Delayed)


# --- collections inside other things -----------------------------------------------------------------------


class _Found:
    """Stands for the collection of that number while its structure waits for the values."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


def unpack_collections(*args: Any, traverse: bool = True) -> tuple[list, Callable[[Any], tuple]]:
    """Find the collections in some arguments.

    Parameters
    ----------
    *args
        Collections, and with `traverse` lists, tuples, sets, dicts and dataclasses that hold some.
    traverse : bool
        Look inside of containers.

    Returns
    -------
    collections : list
        Each once, in order.
    repack : callable
        Given as many results, returns the arguments, as a tuple, with results in place of collections.

    Examples
    --------
    >>> import rask
    >>> collections, repack = unpack_collections([rask.delayed(1), 2])
    >>> repack(["one"])
    (['one', 2],)
    """
    found: dict[int, tuple[int, Any]] = {}

    def unpack(item: Any) -> Any:
        if is_dask_collection(item):
            return _Found(found.setdefault(id(item), (len(found), item))[0])
        if not traverse:
            return item
        if isinstance(item, Iterator):
            item = list(item)
        kind = type(item)
        if kind in (list, tuple, set):
            parts = [unpack(part) for part in item]
            return item if all(map(_same, parts, item)) else (kind, parts)
        if kind is dict:
            pairs = [(unpack(key), unpack(value)) for key, value in item.items()]
            changed = any(
                not _same(new, old)
                for pair, old_pair in zip(pairs, item.items(), strict=True)
                for new, old in zip(pair, old_pair, strict=True)
            )
            return (dict, pairs) if changed else item
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            fields = {
                field.name: getattr(item, field.name)
                for field in dataclasses.fields(item)
                if hasattr(item, field.name)
            }
            parts = {name: unpack(value) for name, value in fields.items()}
            if all(_same(part, fields[name]) for name, part in parts.items()):
                return item
            return (dataclasses.replace, item, parts)
        return item

    recipes = [unpack(arg) for arg in args]
    collections = [item for _, item in found.values()]

    def repack(results: Any) -> tuple:
        results = list(results)
        return tuple(_follow(recipe, results) for recipe in recipes)

    return collections, repack


def _same(new: Any, old: Any) -> bool:
    return new is old


def _follow(recipe: Any, results: list) -> Any:
    if type(recipe) is _Found:
        return results[recipe.number]
    if type(recipe) is tuple and recipe and recipe[0] in (list, tuple, set, dict, dataclasses.replace):
        kind, *rest = recipe
        if kind is dict and isinstance(rest[0], list):
            return {_follow(key, results): _follow(value, results) for key, value in rest[0]}
        if kind is dataclasses.replace:
            item, parts = rest
            return dataclasses.replace(item, **{name: _follow(part, results) for name, part in parts.items()})
        if isinstance(rest[0], list):
            return kind(_follow(part, results) for part in rest[0])
    return recipe


# --- where to compute --------------------------------------------------------------------------------------

_LOCAL = {
    "sync": "sync",
    "synchronous": "sync",
    "single-threaded": "sync",
    "threads": "threads",
    "threading": "threads",
    "processes": "processes",
    "multiprocessing": "processes",
    "distributed": "distributed",
}


def get_scheduler(scheduler: Any = None, collections: Any = None, cls: Any = None, get: Any = None) -> Any:
    """Return where a computation is to run.

    Parameters
    ----------
    scheduler : str, Client, Executor or callable, optional
        ``"threads"``, ``"processes"``, ``"sync"`` and their other names, ``"distributed"`` for the client in
        use, a client, or a function ``get(dsk, keys)``; by default the configuration's ``scheduler``, else
        the client in use, else the engine inside this process.

    Returns
    -------
    A client, ``"sync"``, or a callable.

    Raises
    ------
    ValueError
        If the name is not known.
    """
    chosen = get if get is not None else scheduler
    if chosen is None:
        chosen = config.get("scheduler", None)
    if chosen is None:
        from rask._embedded import client_in_use

        return client_in_use() or _embedded()
    if callable(chosen) and not hasattr(chosen, "submit"):
        return chosen
    if isinstance(chosen, str):
        return _named_scheduler(chosen)
    if "Client" in type(chosen).__name__ and hasattr(chosen, "get"):
        return chosen
    if isinstance(chosen, int) or hasattr(chosen, "submit"):
        return _embedded()
    raise ValueError(f"Expected one of {sorted(_LOCAL)}, a client, or a callable, got {chosen!r}")


def _named_scheduler(name: str) -> Any:
    kind = _LOCAL.get(name.lower())
    if kind is None:
        raise ValueError(f"Expected one of {sorted(_LOCAL)}, got {name!r}")
    if kind == "sync":
        return "sync"
    if kind == "threads":
        return _embedded()
    from rask import _embedded as engines

    if kind == "processes":
        return engines.process_engine()
    client = engines.client_in_use()
    if client is None:
        raise ValueError("scheduler='distributed' needs a client: start one with rask.distributed.Client()")
    return client


def _embedded() -> Any:
    from rask._embedded import thread_engine

    return thread_engine()


# --- the four verbs ----------------------------------------------------------------------------------------


def compute(
    *args: Any,
    traverse: bool = True,
    optimize_graph: bool = True,
    scheduler: Any = None,
    get: Any = None,
    **kwargs: Any,
) -> tuple:
    """Compute collections together, so that what they share is computed once.

    Parameters
    ----------
    *args
        Collections, and things that hold collections. Anything else is returned as it is.
    traverse : bool
        Look for collections inside of lists, tuples, sets, dicts and dataclasses.
    optimize_graph : bool
        Let each kind of collection optimize its graph first.
    scheduler : str, Client or callable, optional
        Where: see `get_scheduler`.
    **kwargs
        For a client: ``workers``, ``priority``, ``retries``, ``resources``, ``allow_other_workers``.

    Returns
    -------
    tuple
        As many values as arguments.

    Examples
    --------
    >>> import rask
    >>> x = rask.delayed(pow)(2, 3)
    >>> rask.compute(x, x + 1, "as it is")
    (8, 9, 'as it is')
    """
    collections, repack = unpack_collections(*args, traverse=traverse)
    if not collections:
        return args
    schedule = get_scheduler(scheduler, collections, get=get)
    with _progress_bars() as bars:
        return repack(_values(schedule, collections, optimize_graph, kwargs, bars))


def _progress_bars() -> Any:
    """What shows how far a computation is; nothing, unless somebody has imported it."""
    module = sys.modules.get("rask.diagnostics.progress_bar")
    return contextlib.nullcontext() if module is None else module.watched()


def _values(
    schedule: Any, collections: list, optimize_graph: bool, kwargs: dict[str, Any], bars: Any
) -> list:
    if hasattr(schedule, "_session"):
        options = _options_of(schedule, kwargs, "compute", "write `await client.compute(x)` instead")
        futures = schedule.compute(collections, optimize_graph=optimize_graph, **options)
        if bars is not None:
            bars.of_futures(futures)
        try:
            gathered = schedule._gather(futures, "raise")
        except KeyboardInterrupt:
            schedule.cancel(futures)
            raise
        # The traceback of what is raised keeps this frame alive, but not the futures.
        del futures
        if isinstance(gathered, Failure):
            gathered.reraise()
        return gathered
    run = _run_here if schedule == "sync" else schedule
    values = []
    for collection in collections:
        graph = _graph_of(collection, optimize_graph)
        finalize, extra = collection.__dask_postcompute__()
        values.append(finalize(run(graph, collection.__dask_keys__(), **kwargs), *extra))
    return values


_CLIENT_OPTIONS = frozenset(
    ("workers", "priority", "retries", "resources", "allow_other_workers", "fifo_timeout")
)


def _options_of(client: Any, kwargs: dict[str, Any], verb: str, instead: str) -> dict[str, Any]:
    """What of `kwargs` a client's compute and persist take; raises if the client is asynchronous."""
    if client.asynchronous:
        raise RuntimeError(
            f"Attempting to use an asynchronous Client in a synchronous context of {verb}: {instead}"
        )
    return {name: value for name, value in kwargs.items() if name in _CLIENT_OPTIONS}


def _run_here(graph: dict, keys: Any, **kwargs: Any) -> Any:
    from rask.core import get

    return get(graph, keys)


def _graph_of(collection: Any, optimize_graph: bool) -> dict:
    graph = collection.__dask_graph__()
    if optimize_graph and hasattr(collection, "__dask_optimize__"):
        graph = collection.__dask_optimize__(graph, collection.__dask_keys__())
    if hasattr(graph, "__dask_graph__"):
        graph = graph.__dask_graph__()
    return graph.to_dict() if hasattr(graph, "to_dict") else dict(graph)


def persist(
    *args: Any, traverse: bool = True, optimize_graph: bool = True, scheduler: Any = None, **kwargs: Any
) -> tuple:
    """Compute collections, and return collections of the same kind that hold the results.

    With a client it returns at once, and the results are computed and kept on the cluster. Parameters are
    those of `compute`.
    """
    collections, repack = unpack_collections(*args, traverse=traverse)
    if not collections:
        return args
    schedule = get_scheduler(scheduler, collections)
    if hasattr(schedule, "_session"):
        options = _options_of(schedule, kwargs, "persist", "write `client.persist(x)` or `await x` instead")
        return repack(schedule.persist(collections, optimize_graph=optimize_graph, **options))
    run = _run_here if schedule == "sync" else schedule
    results = []
    for collection in collections:
        keys = list(flatten([collection.__dask_keys__()]))
        rebuild, extra = collection.__dask_postpersist__()
        values = run(_graph_of(collection, optimize_graph), keys, **kwargs)
        results.append(rebuild(dict(zip(keys, values, strict=True)), *extra))
    return repack(results)


def optimize(*args: Any, traverse: bool = True, **kwargs: Any) -> tuple:
    """Return equivalent collections whose graphs are optimized: what is not needed is left out, and linear
    chains are fused if ``optimization.fuse.delayed`` says so.
    """
    collections, repack = unpack_collections(*args, traverse=traverse)
    if not collections:
        return args
    optimized = []
    for collection in collections:
        if _is_delayed(collection):
            # A lazy value's graph holds only what it needs.
            optimized.append(
                _fused(collection) if config.get("optimization.fuse.delayed", False) else collection
            )
            continue
        rebuild, extra = collection.__dask_postpersist__()
        optimized.append(rebuild(_graph_of(collection, True), *extra))
    return repack(optimized)


def _fused(delayed: Any) -> Any:
    """The lazy value over a graph whose linear chains are one task each."""
    from rask.optimization import fuse_linear

    rebuild, extra = delayed.__dask_postpersist__()
    return rebuild(fuse_linear(dict(delayed.__dask_graph__()), {delayed.key}), *extra)


def visualize(
    *args: Any,
    filename: str | None = "mydask",
    traverse: bool = True,
    optimize_graph: bool = False,
    maxval: float | None = None,
    engine: str | None = None,
    **kwargs: Any,
) -> Any:
    """Draw the graph of collections, as PNG, SVG or DOT, without any other program.

    Parameters
    ----------
    *args
        Collections, and things that hold collections.
    filename : str, optional
        Where to write, without extension or with one that gives the format; None writes nothing.
    format : str, optional
        ``"png"`` (the default), ``"svg"`` or ``"dot"``.
    optimize_graph : bool
        Draw the graph as it is after optimization.
    rankdir : str
        ``"BT"`` (results on top, the default), ``"TB"``, ``"LR"`` or ``"RL"``.
    color : str, optional
        ``"order"`` colours tasks by the order in which they would run.

    Returns
    -------
    In a notebook a picture that shows itself; else a small object with the ``data`` written.
    """
    from rask._pictures import draw

    collections, _ = unpack_collections(*args, traverse=traverse)
    return draw(collections, filename=filename, optimize_graph=optimize_graph, **kwargs)


class DaskMethodsMixin:
    """The methods that every collection has, for those who write collections of their own."""

    __slots__ = ()

    def compute(self, **kwargs: Any) -> Any:
        """Compute this collection; see `rask.compute`."""
        (result,) = compute(self, traverse=False, **kwargs)
        return result

    def persist(self, **kwargs: Any) -> Any:
        """Persist this collection; see `rask.persist`."""
        (result,) = persist(self, traverse=False, **kwargs)
        return result

    def visualize(
        self,
        filename: str | None = "mydask",
        format: str | None = None,
        optimize_graph: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Draw this collection's graph; see `rask.visualize`."""
        return visualize(self, filename=filename, format=format, optimize_graph=optimize_graph, **kwargs)

    def __await__(self) -> Any:
        async def persisted() -> Any:
            from rask.distributed.client import newest_client

            client = newest_client()
            if client is None or not client.asynchronous:
                raise RuntimeError("awaiting a collection needs an asynchronous client")
            result = client.persist(self)
            from rask.distributed.client import futures_of

            for future in futures_of(result):
                await client._watcher.wake_when_done(future)
            return result

        return persisted().__await__()
