"""Graphs written by hand: dicts of tuples, as in `{"x": 1, "y": (inc, "x")}`.

A graph maps keys to computations. A computation is

- a task, a tuple that begins with a callable: the call with the remaining items, each a computation itself;
- a key of the graph: the value of that key;
- a list, a tuple or a set of computations;
- anything else, a dict too: itself.

Keys are strings, bytes, ints, floats, and tuples of keys. Nothing here recurses, neither over the depth of
the graph nor over the nesting of one computation.

>>> def inc(x):
...     return x + 1
>>> get({"x": 1, "y": (inc, "x"), "z": (sum, ["x", "y"])}, "z")
3
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "flatten",
    "get",
    "get_dependencies",
    "get_deps",
    "getcycle",
    "isdag",
    "ishashable",
    "iskey",
    "istask",
    "keys_in_tasks",
    "literal",
    "preorder_traversal",
    "quote",
    "reverse_dict",
    "subs",
    "toposort",
    "validate_key",
]


class _NoDefault:
    def __repr__(self) -> str:
        return "<no_default>"


no_default = _NoDefault()

# --- what a thing is ---------------------------------------------------------------------------------------

_SCALAR_KEYS = frozenset((str, bytes, int, float))


def ishashable(x: object) -> bool:
    """Tell whether `hash(x)` works.

    Examples
    --------
    >>> ishashable((1, 2)), ishashable([1, 2])
    (True, False)
    """
    try:
        hash(x)
    except TypeError:
        return False
    return True


def istask(x: object) -> bool:
    """Tell whether `x` is a task: a plain tuple that begins with a callable.

    Examples
    --------
    >>> istask((abs, -1)), istask(("x", 1))
    (True, False)
    """
    return type(x) is tuple and len(x) > 0 and callable(x[0])


def iskey(key: object) -> bool:
    """Tell whether `key` may be the key of a task: a str, bytes, int or float, or a tuple of keys.

    Exactly these types: subclasses, NumPy scalars and bools are not keys.

    Examples
    --------
    >>> iskey(("x", 0, (1.5,))), iskey(["x"]), iskey(None)
    (True, False, False)
    """
    if type(key) in _SCALAR_KEYS:
        return True
    parts = [key]
    for part in parts:
        if type(part) is tuple:
            parts.extend(part)
        elif type(part) not in _SCALAR_KEYS:
            return False
    return True


def validate_key(key: object) -> None:
    """Raise unless `key` may be the key of a task.

    Raises
    ------
    TypeError
        It may not; the error names the type and, in a tuple, the position.

    Examples
    --------
    >>> validate_key(("x", 1))
    >>> validate_key(["x", 1])
    Traceback (most recent call last):
        ...
    TypeError: Unexpected key type <class 'list'> (key=['x', 1])
    """
    if iskey(key):
        return
    if type(key) is tuple:
        index = next(i for i, part in enumerate(key) if not iskey(part))
        raise TypeError(f"Composite key contains unexpected key type at index={index} (key={key!r})")
    raise TypeError(f"Unexpected key type {type(key)} (key={key!r})")


class literal:
    """Data to be taken as it is, though it looks like a computation; see `quote`.

    Examples
    --------
    >>> literal([1, "x"])()
    [1, 'x']
    """

    __slots__ = ("data",)

    def __init__(self, data: object):
        self.data = data

    def __repr__(self) -> str:
        return f"literal<type={type(self.data).__name__}>"

    def __reduce__(self) -> tuple:
        return literal, (self.data,)

    def __call__(self) -> object:
        return self.data


def quote(x: Any) -> Any:
    """Protect a value from being read as a computation.

    Parameters
    ----------
    x : Any

    Returns
    -------
    Any
        A computation whose value is `x`: for tasks, lists, sets and dicts a task that returns it, else `x`.

    Examples
    --------
    >>> quote((abs, 1))
    (literal<type=tuple>,)
    >>> get({"x": quote([1, (abs, -1)])}, "x")
    [1, (<built-in function abs>, -1)]
    """
    if istask(x) or type(x) in (list, set, dict):
        return (literal(x),)
    return x


# --- walking -----------------------------------------------------------------------------------------------


def flatten(seq: Iterable, container: type | tuple[type, ...] = list) -> Iterator:
    """Iterate over nested lists as if they were one.

    Parameters
    ----------
    seq : iterable
        A string counts as one item.
    container : type or tuple of types
        What to go into.

    Yields
    ------
    Any
        The items that are no containers.

    Examples
    --------
    >>> list(flatten([1, [2, (3, 4)], [[5]]]))
    [1, 2, (3, 4), 5]
    """
    if isinstance(seq, str):
        yield seq
        return
    stack = [iter(seq)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, container):
                stack.append(iter(item))
                break
            yield item
        else:
            stack.pop()


def preorder_traversal(task: object) -> Iterator:
    """Iterate over the callables and arguments of a task, outermost first; a list shows as `list`.

    Examples
    --------
    >>> [getattr(x, "__name__", x) for x in preorder_traversal((sum, [1, (abs, 2)]))]
    ['sum', 'list', 1, 'abs', 2]
    """
    stack: list[Any] = [task]
    while stack:
        item = stack.pop()
        if istask(item):
            stack.extend(reversed(item))
        elif isinstance(item, list):
            yield list
            stack.extend(reversed(item))
        else:
            yield item


def _references(tasks: Iterable, keys: Collection, into_dicts: bool) -> list:
    """Collect the keys that computations refer to, as often as they do, in the order of a walk by levels."""
    found = []
    level = list(tasks)
    while level:
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is tuple:
                if item and callable(item[0]):
                    below.extend(item[1:])
                    continue
                # A tuple that is no key is a container; one that cannot be hashed is no key.
                if _contains(keys, item):
                    found.append(item)
                else:
                    below.extend(item)
            elif kind is list or kind is set:
                below.extend(item)
            elif kind is dict:
                if into_dicts:
                    below.extend(item.values())
            elif kind in _SCALAR_KEYS and item in keys:
                found.append(item)
        level = below
    return found


def _contains(keys: Collection, x: object) -> bool:
    try:
        return x in keys
    except TypeError:
        return False


def keys_in_tasks(keys: Collection, tasks: Iterable, as_list: bool = False) -> set | list:
    """Find which of these keys occur in the computations.

    Parameters
    ----------
    keys : collection
        Best a set or a mapping.
    tasks : iterable
        Computations; the values of dicts inside them are looked at too.
    as_list : bool
        Return a list with each occurrence instead of a set.

    Returns
    -------
    set or list

    Examples
    --------
    >>> tasks = [(sum, ["x", (abs, "y")]), (abs, "x"), {"a": "j"}]
    >>> sorted(keys_in_tasks({"x", "y", "j"}, tasks, as_list=True))
    ['j', 'x', 'x', 'y']
    """
    found = _references(tasks, keys, into_dicts=True)
    return found if as_list else set(found)


def get_dependencies(
    dsk: Mapping, key: Any = None, task: Any = no_default, as_list: bool = False
) -> set | list:
    """Find the keys that a task of the graph needs directly.

    Parameters
    ----------
    dsk : Mapping
        The graph.
    key : optional
        The key of the task.
    task : optional
        The task itself, instead of its key.
    as_list : bool
        Return a list with each occurrence instead of a set.

    Returns
    -------
    set or list

    Raises
    ------
    KeyError
        The graph has no such key.
    ValueError
        Neither `key` nor `task` is given.

    Examples
    --------
    >>> dsk = {"x": 1, "y": (abs, "x"), "z": (sum, ["x", (abs, "y")])}
    >>> sorted(get_dependencies(dsk, "z"))
    ['x', 'y']
    >>> get_dependencies(dsk, task=(abs, "x"))
    {'x'}
    """
    if key is not None:
        if key not in dsk:
            raise KeyError(f"{key!r} is not a key in the graph")
        task = dsk[key]
    elif task is no_default:
        raise ValueError("get_dependencies() needs a key or a task")
    return keys_in_tasks(dsk, [task], as_list=as_list)


def get_deps(dsk: Mapping) -> tuple[dict, dict]:
    """Map each key to the keys it needs, and each key to the keys that need it.

    Examples
    --------
    >>> dependencies, dependents = get_deps({"a": 1, "b": (abs, "a")})
    >>> dependencies
    {'a': set(), 'b': {'a'}}
    >>> dependents
    {'a': {'b'}, 'b': set()}
    """
    dependencies = {k: get_dependencies(dsk, task=task) for k, task in dsk.items()}
    return dependencies, reverse_dict(dependencies)


def reverse_dict(d: Mapping) -> dict:
    """Turn the arrows of a mapping from keys to collections of keys around.

    Examples
    --------
    >>> reverse_dict({"a": ["b"], "b": []})
    {'a': set(), 'b': {'a'}}
    """
    result: dict = {k: set() for k in d}
    for k, values in d.items():
        for value in values:
            result.setdefault(value, set()).add(k)
    return result


# --- order and cycles --------------------------------------------------------------------------------------


def _depth_first(starts: Iterable, dependencies: Callable[[Any], Iterable]) -> tuple[list, list]:
    """Order what can be reached from `starts` so that everything comes after what it needs.

    Returns the order and an empty list, or what was ordered so far and a cycle, its first key again at the
    end.
    """
    order: list = []
    done: set = set()
    for start in starts:
        if start in done:
            continue
        path = [start]
        on_path = {start}
        to_come = [iter(dependencies(start))]
        while path:
            for below in to_come[-1]:
                if below in on_path:
                    return order, [*path[path.index(below) :], below]
                if below not in done:
                    path.append(below)
                    on_path.add(below)
                    to_come.append(iter(dependencies(below)))
                    break
            else:
                to_come.pop()
                key = path.pop()
                on_path.remove(key)
                done.add(key)
                order.append(key)
    return order, []


_CYCLE_SEARCH_MAX = 100_000  # keys on the cycle times searches from one of them


def _shortest_cycle(cycle: list, dependencies: Callable[[Any], Iterable]) -> list:
    """Look for a shorter cycle through one of the keys of this one, since people will read it."""
    best = cycle
    # Not from every key of a long cycle, as that would take the square of its length.
    for start in cycle[: min(len(cycle) - 1, 1 + _CYCLE_SEARCH_MAX // len(cycle))]:
        came_from: dict = {}
        queue = deque([start])
        while queue and start not in came_from:
            key = queue.popleft()
            for below in dependencies(key):
                if below not in came_from:
                    came_from[below] = key
                    queue.append(below)
        found = [start]
        while len(found) == 1 or found[-1] != start:
            found.append(came_from[found[-1]])
        if len(found) < len(best):
            best = found[::-1]
    return best


def toposort(dsk: Mapping, dependencies: Mapping | None = None) -> list:
    """Order the keys of a graph so that each comes after those it needs.

    Parameters
    ----------
    dsk : Mapping
        The graph.
    dependencies : Mapping, optional
        Key → keys it needs, if that is known already.

    Returns
    -------
    list

    Raises
    ------
    RuntimeError
        There is a cycle; the error shows it.

    Examples
    --------
    >>> toposort({"c": (sum, ["a", "b"]), "b": (abs, "a"), "a": 1})
    ['a', 'b', 'c']
    """
    needs = _needs(dsk, dependencies)
    order, cycle = _depth_first(dsk, needs)
    if cycle:
        raise RuntimeError(_cycle_message(_shortest_cycle(cycle, needs)))
    return order


def _needs(dsk: Mapping, dependencies: Mapping | None = None) -> Callable[[Any], Iterable]:
    if dependencies is not None:
        return dependencies.__getitem__
    # As lists without repeats: sets of strings would give another order in each process.
    return lambda key: list(dict.fromkeys(get_dependencies(dsk, task=dsk[key], as_list=True)))


def _cycle_message(cycle: list) -> str:
    shown = cycle if len(cycle) <= 20 else [*cycle[:10], "…", *cycle[-10:]]
    return f"Cycle detected in the task graph: {'->'.join(str(key) for key in shown)}"


def getcycle(d: Mapping, keys: Any) -> list:
    """Find a cycle among the tasks that these keys need.

    Parameters
    ----------
    d : Mapping
        The graph.
    keys : key, list of keys, or None
        Where to start; None: everywhere.

    Returns
    -------
    list
        The keys of a cycle, a short one, with the first again at the end; empty if there is none.

    Examples
    --------
    >>> getcycle({"x": (abs, "z"), "y": (abs, "x"), "z": (abs, "y")}, ["x"])
    ['x', 'z', 'y', 'x']
    """
    starts = d if keys is None else keys if isinstance(keys, (list, set)) else [keys]
    needs = _needs(d)
    _, cycle = _depth_first(starts, needs)
    return _shortest_cycle(cycle, needs) if cycle else []


def isdag(d: Mapping, keys: Any) -> bool:
    """Tell whether the tasks that these keys need are free of cycles; see `getcycle`.

    Examples
    --------
    >>> isdag({"x": 0, "y": (abs, "x")}, "y")
    True
    """
    return not getcycle(d, keys)


# --- evaluating --------------------------------------------------------------------------------------------


_NOT_A_KEY = object()
_watcher: contextvars.ContextVar[Callable[[int, int], None] | None] = contextvars.ContextVar(
    "rask-get-watcher", default=None
)
"""Is told after each task of `get` how many of how many are done."""


def _rebuild(computation: Any, value_of: Callable[[Any], Any], finish: Callable[[list], Any]) -> Any:
    """Put a computation together anew from its innermost parts outwards.

    `value_of` says what stands for a key, or `_NOT_A_KEY`; `finish` makes a value of a task's parts.
    """
    # A frame: a container, what is still to come of it, what came of it so far.
    frames: list[tuple[Any, Iterator, list]] = []
    item = computation
    while True:
        kind = type(item)
        task = istask(item)
        value = _NOT_A_KEY if task or kind is list or kind is set else value_of(item)
        if value is _NOT_A_KEY and kind in (tuple, list, set):
            items = iter(item)
            # The callable of a task is not a computation.
            frames.append((item, items, [next(items)] if task else []))
        elif value is _NOT_A_KEY:
            value = item
        # Hand the value to what it is part of; that may be complete then, and so on outwards.
        while True:
            if value is not _NOT_A_KEY:
                if not frames:
                    return value
                frames[-1][2].append(value)
            container, items, parts = frames[-1]
            item = next(items, _END)
            if item is not _END:
                break
            frames.pop()
            value = finish(parts) if istask(container) else type(container)(parts)


_END = object()


def get(dsk: Mapping, out: Any, cache: Mapping | None = None) -> Any:
    """Evaluate keys of a graph, one task after the other in this thread.

    It is the reference for what a graph means; `rask.compute` and `Client.get` give the same values faster.

    Parameters
    ----------
    dsk : Mapping
        The graph.
    out : key or list
        A key, or a list of keys, which may be nested.
    cache : Mapping, optional
        Values of further keys.

    Returns
    -------
    Any
        The value of the key; for a list, the values in tuples nested like it.

    Raises
    ------
    KeyError
        The graph has no such key.
    RuntimeError
        There is a cycle; the error shows it.
    Exception
        Whatever a task raises.

    Examples
    --------
    >>> dsk = {"x": 1, "y": (abs, -2), "z": (sum, ["x", "y"])}
    >>> get(dsk, ["x", ["z"]])
    (1, (3,))
    """
    wanted = list(flatten([out]))
    results = dict(cache) if cache else {}
    for key in wanted:
        if not _contains(dsk, key) and not _contains(results, key):
            raise KeyError(f"{key!r} is not a key in the graph")

    def needs(key: Any) -> Iterable:
        return dict.fromkeys(_references([dsk[key]], dsk, into_dicts=False))

    order, cycle = _depth_first([key for key in wanted if key in dsk], needs)
    if cycle:
        raise RuntimeError(_cycle_message(_shortest_cycle(cycle, needs)))

    def value_of(item: Any) -> Any:
        return results.get(item, _NOT_A_KEY) if iskey(item) else _NOT_A_KEY

    done = _watcher.get()
    for at, key in enumerate(order):
        results[key] = _rebuild(dsk[key], value_of, lambda call: call[0](*call[1:]))
        if done is not None:
            done(at + 1, len(order))
    return _nested(out, results)


def _nested(out: Any, results: Mapping) -> Any:
    if not isinstance(out, list):
        return results[out]
    frames: list[tuple[Iterator, list]] = [(iter(out), [])]
    while True:
        items, values = frames[-1]
        for item in items:
            if isinstance(item, list):
                frames.append((iter(item), []))
                break
            values.append(results[item])
        else:
            frames.pop()
            if not frames:
                return tuple(values)
            frames[-1][1].append(tuple(values))


def subs(task: Any, key: Any, val: Any) -> Any:
    """Replace a key by a computation, everywhere in a task.

    Parameters
    ----------
    task : Any
        A computation.
    key : key
        What to replace. Only keys are compared with it, so values with an `==` of their own are safe.
    val : Any
        What to put in its place.

    Returns
    -------
    Any
        The new computation; `task` itself is not changed.

    Examples
    --------
    >>> subs((sum, ["x", (abs, "y")]), "x", 1)
    (<built-in function sum>, [1, (<built-in function abs>, 'y')])
    """

    def replaced(item: Any) -> Any:
        return val if iskey(item) and item == key else _NOT_A_KEY

    return _rebuild(task, replaced, tuple)
