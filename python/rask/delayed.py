"""Lazy values: `delayed` wraps functions and values, their calls are recorded, `compute` runs them.

>>> @delayed
... def inc(x):
...     return x + 1
>>> @delayed
... def add(x, y):
...     return x + y
>>> total = add(inc(1), inc(2))
>>> total  # doctest: +ELLIPSIS
Delayed('add-...')

The classes live in the compiled core; here are their names, and what they need of Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rask._core import Delayed, DelayedAttr, DelayedLeaf, delayed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Delayed", "DelayedAttr", "DelayedLeaf", "delayed", "optimize", "rebuild", "single_key"]


def single_key(seq: Any) -> Any:
    """Take the only item of a list: what a lazy value makes of the values of its keys."""
    return seq[0]


def optimize(dsk: Mapping, keys: Any, **kwargs: Any) -> Mapping:
    """Leave of a graph what some keys need.

    Parameters
    ----------
    dsk : Mapping
        A graph.
    keys : key or list of keys
        What will be asked of it.

    Returns
    -------
    Mapping
        The culled graph. Linear chains are fused later, while the graph is sent, if the setting
        `optimization.fuse.delayed` says so.
    """
    from rask.core import flatten
    from rask.highlevelgraph import HighLevelGraph

    wanted = set(flatten([keys]))
    if not isinstance(dsk, HighLevelGraph):
        dsk = HighLevelGraph.from_collections(str(id(dsk)), dsk, dependencies=())
    return dsk.cull(wanted)


def default_get(dsk: Mapping, keys: Any, **kwargs: Any) -> Any:
    """Compute keys of a graph where lazy values are computed: the client in use, or this process's engine."""
    from rask.base import get_scheduler

    schedule = get_scheduler()
    run = schedule.get if hasattr(schedule, "get") else schedule
    return run(dsk, keys, **kwargs)


def rebuild(dsk: Mapping, key: Any, length: int | None) -> Delayed:
    """Make the lazy value of a key of a graph."""
    return Delayed(key, dsk, length)


def _rebuild_delayed(key: Any, dsk: Mapping, length: int | None, rename: Mapping[str, str] | None) -> Delayed:
    if rename:
        key = _renamed(key, rename)
    layers = getattr(dsk, "layers", None)
    layer = next(iter(layers)) if layers is not None and len(layers) == 1 else None
    return Delayed(key, dsk, length, layer=layer)


def _renamed(key: Any, rename: Mapping[str, str]) -> Any:
    if isinstance(key, tuple):
        return (rename.get(key[0], key[0]), *key[1:])
    return rename.get(key, key)


def _rebuild_leaf(obj: Callable, key: Any, pure: bool | None, nout: int | None) -> DelayedLeaf:
    return delayed(obj, name=key, pure=pure, nout=nout, traverse=False)


def _as_layered(dsk: Any, layer: Any) -> Any:
    """Make a layered graph of a plain one: a single layer of that name."""
    from rask.highlevelgraph import HighLevelGraph

    if hasattr(dsk, "layers"):
        return dsk
    if not isinstance(dsk, Mapping) and hasattr(dsk, "__dask_graph__"):
        return _as_layered(dsk.__dask_graph__(), layer)
    return HighLevelGraph.from_collections(layer, dsk, dependencies=())
