"""What can be made of a graph before it is computed.

>>> from operator import add
>>> fuse_linear({"x": 1, "y": (add, "x", 1), "z": (add, "y", 2)}, {"z"})
{'z': (<built-in function add>, (<built-in function add>, 1, 1), 2)}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rask.core import get_dependencies, istask, subs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["cull", "fuse_linear"]

LINKS_MAX = 50
"""So many tasks at most become one: beyond that nothing is gained, and nesting has limits."""


def cull(dsk: Mapping, keys: Collection) -> tuple[dict, dict]:
    """Leave of a graph what some keys need.

    Parameters
    ----------
    dsk : Mapping
        The graph.
    keys : collection of keys
        What will be asked of it.

    Returns
    -------
    tuple of (dict, dict)
        The smaller graph, and the dependencies of each of its keys.
    """
    todo = list(keys)
    kept: dict[Any, Any] = {}
    dependencies: dict[Any, list] = {}
    while todo:
        key = todo.pop()
        if key in kept:
            continue
        kept[key] = dsk[key]
        dependencies[key] = get_dependencies(dsk, key, as_list=True)
        todo.extend(dependencies[key])
    return kept, dependencies


def fuse_linear(dsk: Mapping, keys: Collection) -> dict:
    """Make one task of each linear chain: tasks of which each is used by the next alone.

    Parameters
    ----------
    dsk : Mapping
        The graph.
    keys : collection of keys
        What will be asked of it: these keys stay.

    Returns
    -------
    dict
        The graph with fewer, larger tasks.
    """
    kept, dependencies = cull(dsk, keys)
    uses: dict[Any, int] = {}
    for needs in dependencies.values():
        for key in needs:
            uses[key] = uses.get(key, 0) + 1
    visible = set(keys)
    fused: dict[Any, Any] = {}
    links: dict[Any, int] = {}
    for key in _upwards(kept, dependencies):
        task = kept[key]
        links[key] = 1
        needs = set(dependencies[key])
        if istask(task) and len(needs) == 1:
            (below,) = needs
            if below not in visible and uses[below] == 1 and links[below] < LINKS_MAX:
                task = subs(task, below, fused.pop(below))
                links[key] = links[below] + 1
        fused[key] = task
    return fused


def _upwards(kept: Mapping, dependencies: Mapping) -> list:
    """Keys, each after those it needs."""
    from rask.core import toposort

    return toposort(kept, dependencies={key: set(needs) for key, needs in dependencies.items()})
