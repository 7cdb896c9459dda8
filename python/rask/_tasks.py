"""The functions that rask's own tasks call, and graphs written in Python as the compiled core wants them.

`rask._core` names what is here; nothing here is public. What workers unpickle stays importable under its
name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# --- what tasks call ---------------------------------------------------------------------------------------


def same(value: Any) -> Any:
    """Return the argument: the task of a container that holds lazy values."""
    return value


def apply(function: Callable, args: Iterable = (), kwargs: Mapping[str, Any] | None = None) -> Any:
    """Call a function; in a graph, `(apply, function, [arguments], {keywords})`."""
    return function(*args, **(kwargs or {}))


def apply_first(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call the first argument with the others: a call of a lazy value."""
    return function(*args, **kwargs)


class methodcaller:
    """Call the method of that name of the first argument."""

    __slots__ = ("method",)

    def __init__(self, method: str):
        self.method = method

    @property
    def __name__(self) -> str:
        return self.method

    def __call__(self, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        return getattr(obj, self.method)(*args, **kwargs)

    def __reduce__(self) -> tuple:
        return methodcaller, (self.method,)

    def __repr__(self) -> str:
        return f"<methodcaller: {self.method}>"


def rebuild_namedtuple(cls: type, items: tuple) -> Any:
    """Make the namedtuple `cls` of its items, which were computed."""
    return cls(*items)


def rebuild_dataclass(cls: type, fields: dict[str, Any]) -> Any:
    """Make the dataclass instance `cls` of its fields, which were computed."""
    return cls(**fields)


class Chain:
    """Several functions as one: each is called with the value of the one before."""

    __slots__ = ("functions",)

    def __init__(self, functions: list[Callable]):
        self.functions = functions

    @property
    def __name__(self) -> str:
        return "-".join(call_prefix(function) for function in self.functions)

    def __call__(self, heads: list[bytes], buffers: list[list[bytes]], deps: list) -> Any:
        from rask._core import call_encoded

        for function, head, own_buffers in zip(self.functions, heads, buffers, strict=True):
            deps = [call_encoded(function, head, own_buffers, deps)]
        return deps[0]

    def __reduce__(self) -> tuple:
        return Chain, (self.functions,)


def run_program(program: tuple, *leaves: Any) -> Any:
    """Evaluate a task with tasks among its arguments; see `flatten_task`."""
    values = list(leaves)
    for function, slots, names in program:
        args = [values[slot] for slot in slots]
        if names:
            cut = len(args) - len(names)
            values.append(function(*args[:cut], **dict(zip(names, args[cut:], strict=True))))
        else:
            values.append(function(*args))
    return values[-1]


def run_task(task: Callable, keys: tuple, *values: Any) -> Any:
    """Evaluate a task object with the values of its dependencies."""
    return task(dict(zip(keys, values, strict=True)))


class TaskRunner:
    """A task object as a function of the values of its dependencies."""

    __slots__ = ("keys", "task")

    def __init__(self, task: Callable, keys: tuple):
        self.task = task
        self.keys = keys

    def __call__(self, *values: Any) -> Any:
        return run_task(self.task, self.keys, *values)

    def __reduce__(self) -> tuple:
        return TaskRunner, (self.task, self.keys)


def make_list(*items: Any) -> list:
    return list(items)


def make_tuple(*items: Any) -> tuple:
    return items


def make_set(*items: Any) -> set:
    return set(items)


# --- names -------------------------------------------------------------------------------------------------

_NAME_CHARS_MAX = 50


def call_prefix(function: Any) -> str:
    """Name a function as keys of its calls begin: `inc`, `lambda`."""
    while type(function).__name__ == "partial" and hasattr(function, "func"):
        function = function.func
    if type(function).__name__ == "methodcaller" and type(function).__module__ == "operator":
        return str(function.__reduce__()[1][0])[:_NAME_CHARS_MAX]
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        return str(function)[:_NAME_CHARS_MAX]
    return "lambda" if name == "<lambda>" else name[:_NAME_CHARS_MAX]


def box_label(key: Any) -> str:
    """Say what stands in a box of a picture: the position within a collection, else nothing."""
    return ", ".join(map(str, key[1:])) if isinstance(key, tuple) and len(key) > 1 else ""


# --- what is taken apart -----------------------------------------------------------------------------------


def dataclass_fields(obj: Any) -> dict[str, Any]:
    """List the fields of a dataclass instance that are set."""
    import dataclasses

    return {f.name: getattr(obj, f.name) for f in dataclasses.fields(obj) if hasattr(obj, f.name)}


def check_dataclass(obj: Any) -> None:
    """Raise unless the dataclass can be made again from its fields.

    Raises
    ------
    ValueError
        It has fields that its `__init__` does not take.
    TypeError
        Its `__init__` is its own.
    """
    cls = type(obj)
    import dataclasses

    if not all(f.init for f in dataclasses.fields(obj)):
        raise ValueError(
            f"Failed to unpack {cls} instance: fields with `init=False` cannot be made again. "
            "Pass the lazy values as arguments of their own."
        )
    if not cls.__dataclass_params__.init:
        raise TypeError(
            f"Failed to unpack {cls} instance: it has an `__init__` of its own and cannot be made again from "
            "lazy values. Pass the lazy values as arguments of their own."
        )


def namedtuple_items(obj: Any) -> tuple:
    """List the items of a namedtuple."""
    return tuple(obj)


def collection_parts(collection: Any) -> tuple[Callable, tuple] | None:
    """Say how a collection becomes a value: a function, and its arguments with lazy values for keys."""
    from rask._core import delayed_from_graph

    graph = collection.__dask_graph__()
    if graph is None:
        return None
    finalize, extra = collection.__dask_postcompute__()
    keys: list = []

    def number(nested: Any) -> Any:
        if isinstance(nested, list):
            return [number(part) for part in nested]
        keys.append(nested)
        return len(keys) - 1

    def value(nested: Any) -> Any:
        return [value(part) for part in nested] if isinstance(nested, list) else lazy[nested]

    numbered = number(collection.__dask_keys__())
    lazy = delayed_from_graph(graph, keys)
    return finalize, (value(numbered), *extra)


# --- graphs in Python --------------------------------------------------------------------------------------


class KeyOf:
    """Stands in arguments for a lazy value, by its key."""

    __slots__ = ("key",)

    def __init__(self, key: Any):
        self.key = key


def _holds_keys(x: Any) -> bool:
    cls = type(x)
    if cls is KeyOf:
        return True
    if cls in (list, tuple, set):
        return any(map(_holds_keys, x))
    if cls is dict:
        return any(_holds_keys(key) or _holds_keys(value) for key, value in x.items())
    return cls is slice and any(map(_holds_keys, (x.start, x.stop, x.step)))


def _argument(x: Any) -> Any:
    from rask.core import quote

    cls = type(x)
    if cls is KeyOf:
        return x.key
    if not _holds_keys(x):
        return quote(x)
    if cls is list:
        return [_argument(item) for item in x]
    if cls is dict:
        return (dict, [[_argument(key), _argument(value)] for key, value in x.items()])
    if cls is slice:
        return (slice, _argument(x.start), _argument(x.stop), _argument(x.step))
    return (cls, [_argument(item) for item in x])  # tuple, set


def as_computation(function: Callable, args: tuple, kwargs: dict | None) -> tuple:
    """Write a recorded call as graphs have it: `(function, argument, ...)`."""
    if not kwargs:
        return (function, *map(_argument, args))
    keywords = (dict, [[name, _argument(value)] for name, value in kwargs.items()])
    return (apply, function, list(map(_argument, args)), keywords)


def graph_entries(graph: Any) -> tuple[list, list, list]:
    """List keys, computations and annotations (None where there are none) of a graph."""
    if not isinstance(graph, Mapping) and hasattr(graph, "__dask_graph__"):
        graph = graph.__dask_graph__()
    keys: list = []
    computations: list = []
    annotations: list = []
    layers = getattr(graph, "layers", None)
    if isinstance(layers, Mapping):
        for layer in layers.values():
            own = getattr(layer, "annotations", None)
            for key, computation in layer.items():
                keys.append(key)
                computations.append(computation)
                annotations.append(dict(own) if own else None)
    else:
        keys, computations = list(graph.keys()), list(graph.values())
        annotations = [None] * len(keys)
    return keys, computations, annotations


def cycle_message(keys: list) -> str:
    """Say that these keys need each other, round and round."""
    shown = keys if len(keys) <= 20 else [*keys[:10], "…", *keys[-10:]]
    return f"Cycle detected in the task graph: {'->'.join(str(key) for key in shown)}"


def task_object_parts(task: Any) -> tuple[Any, tuple] | None:
    """Return a task object and the keys it depends on, or None if it is none."""
    dependencies = getattr(task, "dependencies", None)
    if not isinstance(dependencies, (set, frozenset, tuple, list)):
        return None
    return task, tuple(dependencies)


def flatten_task(function: Callable, args: tuple, numbers: dict) -> tuple[Callable, tuple, str | None]:
    """Write a task with tasks among its arguments as one call.

    Parameters
    ----------
    function, args
        The task.
    numbers : dict
        The graph's keys.

    Returns
    -------
    tuple
        The function to call; its arguments, in which keys and containers of keys may stand but no tasks; and
        a name for it, if the function's own would not do.
    """
    leaves: list = []
    steps: list[tuple] = []  # (function, slots, keyword names); ~n in place of a slot: the value of step n
    root = _Frame(function, args)
    stack = [root]
    while stack:
        frame = stack[-1]
        if frame.to_do:
            item = frame.to_do.pop()
            inner = None if _is_key(item, numbers) else _inner_task(item)
            if inner is None:
                frame.slots.append(len(leaves))
                leaves.append(item)
            else:
                stack.append(inner)
            continue
        stack.pop()
        steps.append((frame.function, frame.slots, frame.names))
        if stack:
            stack[-1].slots.append(~(len(steps) - 1))
    name = call_prefix(root.function)
    count = len(leaves)
    program = tuple(
        (called, tuple(slot if slot >= 0 else count + ~slot for slot in slots), names)
        for called, slots, names in steps
    )
    return run_program, (_Program(program), *leaves), name


class _Program(tuple):
    """The steps of a program; a type of its own, so that nobody takes it for a computation."""

    __slots__ = ()

    def __reduce__(self) -> tuple:
        return tuple, (list(self),)


class _Frame:
    __slots__ = ("function", "names", "slots", "to_do")

    def __init__(self, function: Callable, args: Iterable):
        self.names: tuple[str, ...] = ()
        args = list(args)
        if function is apply and args:
            keywords = _keywords(args[2]) if len(args) > 2 else {}
            positional = args[1] if len(args) > 1 else []
            if keywords is not None and type(positional) in (list, tuple):
                function, args = args[0], [*positional, *keywords.values()]
                self.names = tuple(keywords)
        self.function = function
        self.to_do = args[::-1]
        self.slots: list[int] = []


def _keywords(x: Any) -> dict[str, Any] | None:
    """Read `{name: value}` or `(dict, [[name, value], ...])`; None for what has to be computed."""
    if type(x) is dict and all(isinstance(name, str) for name in x):
        return x
    if type(x) is tuple and len(x) == 2 and x[0] is dict and type(x[1]) is list:
        pairs = x[1]
        if all(type(pair) in (list, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
            return {pair[0]: pair[1] for pair in pairs}
    return None


def _is_key(x: Any, numbers: dict) -> bool:
    try:
        return type(x) in (str, bytes, int, float, tuple) and x in numbers
    except TypeError:  # unhashable
        return False


_MAKERS = {list: make_list, tuple: make_tuple, set: make_set}


def _inner_task(x: Any) -> _Frame | None:
    """Begin the evaluation of `x` if it is a task or a container with tasks in it."""
    cls = type(x)
    if cls is tuple and x and callable(x[0]):
        return _Frame(x[0], x[1:])
    if cls in _MAKERS and _has_tasks(x):
        return _Frame(_MAKERS[cls], x)
    if callable(x) and hasattr(x, "dependencies") and (parts := task_object_parts(x)):
        task, keys = parts
        return _Frame(TaskRunner(task, keys), keys)
    return None


def _has_tasks(container: Iterable) -> bool:
    to_do = [container]
    while to_do:
        for item in to_do.pop():
            cls = type(item)
            if (cls is tuple and item and callable(item[0])) or (
                callable(item) and hasattr(item, "dependencies")
            ):
                return True
            if cls in _MAKERS:
                to_do.append(item)
    return False
