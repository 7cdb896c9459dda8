"""Collections on a client: what `compute` and `persist` do with Delayed objects and other collections."""

from __future__ import annotations

from rask.core import flatten
from rask.distributed.submission import packed_as

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rask.distributed.client import Client


def compute_on(client: Client, collections: Any, options: Any, optimize: bool, traverse: bool) -> Any:
    """Replace collections in `collections` by futures of their values."""
    from rask.base import is_dask_collection, unpack_collections

    single = not isinstance(collections, list | tuple | set | frozenset)
    items = [collections] if single else list(collections)
    found, _ = unpack_collections(*items, traverse=traverse)
    futures = dict(zip(map(id, found), _finals(client, found, options, optimize), strict=True))

    def future_of(item: Any) -> Any:
        if is_dask_collection(item):
            return futures[id(item)]
        inner, _ = unpack_collections(item, traverse=traverse)
        if not inner:
            return item
        from rask.delayed import delayed

        return _finals(client, [delayed(item)], options, optimize)[0]

    results = [future_of(item) for item in items]
    return results[0] if single else results


def _finals(client: Client, found: list, options: Any, optimize: bool) -> list:
    """One future for each collection's final value."""
    from rask._core import Delayed

    if all(isinstance(item, Delayed) for item in found):
        return client._session.compute(list(found), options, optimize) if found else []
    return [_final(client, item, options, optimize) for item in found]


def _final(client: Client, collection: Any, options: Any, optimize: bool) -> Any:
    from rask._core import Delayed

    if isinstance(collection, Delayed):
        return client._session.compute([collection], options, optimize)[0]
    graph = _optimized(collection, optimize)
    finalize, extra = collection.__dask_postcompute__()
    keys = collection.__dask_keys__()
    parts = client._session.compute_graph(graph, list(flatten([keys])), options)
    packed = packed_as(keys, iter(parts))
    final = client._session.submit(finalize, (packed, *extra), {}, None, False, options)
    if parts:
        client._session.extend_graph(parts[0], final)
    return final


def _optimized(collection: Any, optimize: bool) -> dict:
    graph = collection.__dask_graph__()
    if optimize and hasattr(collection, "__dask_optimize__"):
        graph = collection.__dask_optimize__(graph, collection.__dask_keys__())
    if hasattr(graph, "__dask_graph__"):
        graph = graph.__dask_graph__()
    return dict(graph)


def persist_on(client: Client, collections: Any, options: Any, optimize: bool) -> Any:
    """Replace collections by ones of the same kind whose parts are futures on the cluster."""
    from rask.base import is_dask_collection

    single = not isinstance(collections, list | tuple | set | frozenset)
    items = [collections] if single else list(collections)
    bad = [item for item in items if not is_dask_collection(item)]
    if bad:
        raise TypeError(f"persist takes collections, not {type(bad[0]).__name__}: {bad[0]!r}")
    from rask._core import Delayed

    delayed = [item for item in items if isinstance(item, Delayed)]
    futures = dict(zip(map(id, delayed), client._session.compute(delayed, options, optimize), strict=True))

    def persisted(item: Any) -> Any:
        rebuild, extra = item.__dask_postpersist__()
        if isinstance(item, Delayed):
            future = futures[id(item)]
            return rebuild({future.key: future}, *extra)
        graph = _optimized(item, optimize)
        keys = list(flatten([item.__dask_keys__()]))
        parts = client._session.compute_graph(graph, keys, options)
        return rebuild(dict(zip(keys, parts, strict=True)), *extra)

    results = [persisted(item) for item in items]
    return results[0] if single else results
