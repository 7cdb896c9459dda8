"""What the compiled core leaves to pickle: objects, functions, exceptions; and what cannot be pickled.

`rask._core` encodes what programs mostly pass by itself. Everything else comes here: pickle protocol 5 with
large buffers out of band, or cloudpickle where pickle cannot, or where the pickle would refer to the user's
`__main__`, which workers do not have.
"""

from __future__ import annotations

import copyreg
import functools
import io
import pickle
import sys
import types
from collections.abc import Callable, Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "SerializationError",
    "dependency",
    "deterministic_token",
    "dump_exception",
    "dump_function",
    "dumps",
    "find_culprit",
    "load_exception",
    "loads",
]


class SerializationError(TypeError, pickle.PicklingError):
    """A function, argument or result that cannot be pickled; the message names the part to blame."""


# --- values ------------------------------------------------------------------------------------------------


def dumps(obj: Any, inline_bytes_max: int = 64 * 1024) -> tuple[bytes, list[memoryview]]:
    """Pickle `obj`; buffers longer than `inline_bytes_max` come beside the pickle.

    Raises
    ------
    SerializationError
        If neither pickle nor cloudpickle can. The message names the path to the part that cannot be pickled.
    """
    buffers: list[memoryview] = []

    def keep_inline(buffer: pickle.PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous
            return True
        if raw.nbytes <= inline_bytes_max:
            return True
        buffers.append(raw)
        return False

    try:
        pickled = pickle.dumps(obj, protocol=5, buffer_callback=keep_inline)
        if b"__main__" not in pickled:
            return pickled, buffers
    except Exception:  # whatever an object's own __reduce__ raises
        pass
    buffers.clear()
    try:
        return _dumps_by_value(obj, keep_inline), buffers
    except Exception as error:
        raise _explained(obj, error) from error


_NO_FILE = "<dynamic-code>"
"""What newer cloudpickles put in the place of the name of a file."""


def _dumps_by_value(obj: Any, buffer_callback: Callable[[pickle.PickleBuffer], Any]) -> bytes:
    file = io.BytesIO()
    _value_pickler()(file, protocol=5, buffer_callback=buffer_callback).dump(obj)
    return file.getvalue()


@functools.cache
def _value_pickler() -> Any:
    """Return cloudpickle's pickler, but code keeps the name of its file.

    Without it no traceback shows a line of the user's program or notebook.
    """
    import cloudpickle  # takes time, and not all programs need it

    reduce_code = cloudpickle.Pickler.dispatch_table[types.CodeType]

    def reduce_named(code: types.CodeType) -> tuple:
        make, parts = reduce_code(code)
        name = code.co_filename
        return make, tuple(name if isinstance(part, str) and part == _NO_FILE else part for part in parts)

    class ValuePickler(cloudpickle.Pickler):
        dispatch_table = cloudpickle.Pickler.dispatch_table.new_child({types.CodeType: reduce_named})

    return ValuePickler


def loads(pickled: bytes, buffers: list) -> Any:
    """Load a pickle whose buffers lie beside it."""
    return pickle.loads(pickled, buffers=buffers)


def dependency(number: int) -> Any:
    """Stand in a pickle of arguments for the value of the task's dependency of that number."""
    from rask._core import dependency_value

    return dependency_value(number)


def deterministic_token(obj: Any) -> str | None:
    """Return a token that equal objects share, or None if `obj` has none."""
    from rask.tokenize import tokenize

    try:
        return tokenize(obj, ensure_deterministic=True)
    except Exception:  # nothing deterministic can be said of it
        return None


# --- functions ---------------------------------------------------------------------------------------------


def importable_name(obj: Any) -> tuple[str, str] | None:
    """Return module and qualified name under which other processes can import this very object, or None."""
    module = getattr(obj, "__module__", None)
    name = getattr(obj, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module == "__main__" or "<" in name:
        return None
    found: Any = sys.modules.get(module)
    if found is None or _is_pickled_by_value(module):
        return None
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            return None
    return (module, name) if found is obj else None


def _is_pickled_by_value(module: str) -> bool:
    # Whoever has registered a module has imported cloudpickle.
    cloudpickle = sys.modules.get("cloudpickle")
    registered = cloudpickle.list_registry_pickle_by_value() if cloudpickle is not None else ()
    while registered:
        if module in registered:
            return True
        module, dot, _ = module.rpartition(".")
        if not dot:
            break
    return False


def dump_function(function: Callable) -> bytes:
    """Pickle a callable: by reference if other processes can import it, else by value.

    Raises
    ------
    SerializationError
        If it cannot be pickled.
    """
    try:
        if importable_name(function) is not None:
            return pickle.dumps(function, protocol=5)
    except Exception:  # what claims to be importable need not be
        pass
    try:
        pickled, _ = dumps(function, sys.maxsize)
    except SerializationError as error:
        name = getattr(function, "__qualname__", None) or _type_name(function)
        raise SerializationError(f"the function {name!r}: {error}") from error.__cause__
    return pickled


# --- exceptions --------------------------------------------------------------------------------------------


class RemoteException(Exception):
    """Stands for an exception that could not travel: its type's name, its text and its traceback did.

    Attributes
    ----------
    type_name : str
        The type of the original, with its module.
    text : str
        What `str` said of it.
    remote_traceback : str
        The formatted traceback of the original.
    reason : str
        Why it could not travel.
    """

    def __init__(self, type_name: str, text: str, remote_traceback: str, reason: str) -> None:
        super().__init__(type_name, text, remote_traceback, reason)
        self.type_name = type_name
        self.text = text
        self.remote_traceback = remote_traceback
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.type_name}: {self.text} (the exception itself could not travel: {self.reason})"


def dump_exception(error: BaseException) -> tuple[bytes, bytes, str]:
    """Pickle an exception with its causes, and its traceback.

    Never fails: an exception that cannot be pickled, or not be unpickled, is replaced by a `RemoteException`.

    Returns
    -------
    tuple of (bytes, bytes, str)
        The exception, its traceback (empty if it has none), and one line that says what happened.
    """
    text = _one_line(error)
    try:
        pickled = _pickle_exception(error)
        pickle.loads(pickled)  # many exceptions pickle but cannot be made again
    except Exception as failure:
        pickled = _pickle_exception(_substitute(error, _one_line(failure)))
    return pickled, _dump_traceback(error.__traceback__), text


def _pickle_exception(error: BaseException) -> bytes:
    """Pickle an exception as a chain: each link with its cause, its context and their tracebacks."""
    links: list[BaseException] = []
    numbers: dict[int, int] = {}
    todo: list[BaseException | None] = [error]
    while todo:
        link = todo.pop()
        if link is None or id(link) in numbers:
            continue
        numbers[id(link)] = len(links)
        links.append(link)
        todo += [link.__cause__, link.__context__]
    chain = [
        (
            link,
            numbers.get(id(link.__cause__)),
            numbers.get(id(link.__context__)),
            link.__suppress_context__,
            _dump_traceback(link.__traceback__) if number else b"",
        )
        for number, link in enumerate(links)
    ]
    pickled, _ = dumps(chain, sys.maxsize)
    return pickled


def _substitute(error: BaseException, reason: str) -> RemoteException:
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    try:
        import traceback

        formatted = "".join(traceback.format_exception(error))
    except Exception:  # a broken __str__
        formatted = ""
    return RemoteException(name, _text_of(error), formatted, reason)


def load_exception(pickled: bytes, pickled_traceback: bytes = b"", text: str = "") -> BaseException:
    """Make the exception that `dump_exception` pickled, with its traceback; never fails."""
    try:
        chain = pickle.loads(pickled)
        links = [link for link, *_ in chain]
        for link, cause, context, suppress, link_traceback in chain:
            link.__cause__ = None if cause is None else links[cause]
            link.__context__ = None if context is None else links[context]
            link.__suppress_context__ = suppress
            if link_traceback:
                link.__traceback__ = load_traceback(link_traceback)
        error = links[0]
    except Exception as failure:
        name, _, said = text.partition(": ")
        error = RemoteException(
            name or "Exception", said, "", f"it cannot be unpickled here: {_one_line(failure)}"
        )
    return error.with_traceback(load_traceback(pickled_traceback))


def _dump_traceback(tb: types.TracebackType | None) -> bytes:
    if tb is None:
        return b""
    from tblib import Traceback

    try:
        return pickle.dumps(Traceback(tb).to_dict(), protocol=5)
    except Exception:  # a traceback is a help, not worth a failure
        return b""


def load_traceback(pickled: bytes) -> types.TracebackType | None:
    """Make the traceback that `dump_exception` pickled."""
    if not pickled:
        return None
    from tblib import Traceback

    try:
        return Traceback.from_dict(pickle.loads(pickled)).as_traceback()
    except Exception:  # see _dump_traceback
        return None


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:  # a broken __str__
        return f"<its __str__ raised {type(failure).__name__}>"


def _one_line(error: BaseException) -> str:
    text = _text_of(error).strip()
    first = text.splitlines()[0] if text else ""
    line = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return line.encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair is no text elsewhere


# --- what cannot be pickled --------------------------------------------------------------------------------

_CULPRIT_STEPS_MAX = 2_000
"""So many parts are looked at before the search gives up: an error message is not worth more."""


def _explained(obj: Any, error: Exception) -> SerializationError:
    if isinstance(error, SerializationError):
        return error
    try:
        path, culprit = find_culprit(obj)
    except Exception:  # the objects searched are broken in their own ways
        path, culprit = "", obj
    name = _type_name(culprit)
    where = f"{path}: {name}" if path else name
    return SerializationError(f"cannot pickle {where} ({_one_line(error)})")


def explain_call(args: tuple, kwargs: dict, error: Exception) -> SerializationError:
    """Say which argument cannot be pickled, as a path that begins with `args[0]` or the argument's name."""
    named = [(f"args[{at}]", arg) for at, arg in enumerate(args)] + list(kwargs.items())
    for name, arg in named:
        try:
            if not _is_picklable(arg):
                path, culprit = find_culprit(arg, name)
                return SerializationError(f"cannot pickle {path}: {_type_name(culprit)}")
        except Exception:  # the objects searched are broken in their own ways
            continue
    return SerializationError(str(error))


def explain_task(key: Any, args: tuple, kwargs: dict, error: Exception) -> Exception:
    """Name the task whose arguments cannot be pickled, and the path to what is to blame."""
    if not isinstance(error, SerializationError):
        return error
    explained = explain_call(args, kwargs, error)
    explained = SerializationError(f"task {key!r}: {explained}")
    explained.__cause__ = error.__cause__
    return explained


def _type_name(obj: Any) -> str:
    cls = type(obj)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _is_picklable(obj: Any) -> bool:
    import cloudpickle

    try:
        cloudpickle.dumps(obj, protocol=5, buffer_callback=lambda _: None)
    except Exception:  # that is the question
        return False
    return True


def find_culprit(obj: Any, name: str = "") -> tuple[str, Any]:
    """Find the smallest part of `obj` that cannot be pickled.

    Parameters
    ----------
    obj : Any
        What cannot be pickled.
    name : str
        What to call it at the beginning of the path.

    Returns
    -------
    tuple of (str, Any)
        The path to the part, such as `args[0].lock`, and the part.
    """
    path, current = name, obj
    seen = {id(obj)}
    steps = 0
    while True:
        for suffix, part in _parts(current):
            steps += 1
            if steps > _CULPRIT_STEPS_MAX:
                return path, current
            if id(part) in seen or _is_picklable(part):
                continue
            seen.add(id(part))
            path, current = (path + suffix).lstrip("."), part
            break
        else:
            return path, current


def _parts(obj: Any) -> Iterator[tuple[str, Any]]:
    """List what `obj` would drag into its pickle, each with what leads to it from `obj`."""
    if isinstance(obj, dict):
        for key, value in list(obj.items()):
            yield f"[{key!r}]", value
            yield f".<key {key!r}>", key
    elif isinstance(obj, (list, tuple)):
        names = getattr(obj, "_fields", None)
        for at, item in enumerate(obj):
            yield (f".{names[at]}" if names else f"[{at}]"), item
    elif isinstance(obj, (set, frozenset)):
        for item in obj:
            yield f".<item {item!r}>", item
    elif isinstance(obj, types.FunctionType):
        yield from _parts_of_function(obj)
    elif isinstance(obj, types.MethodType):
        yield ".__self__", obj.__self__
        yield ".__func__", obj.__func__
    elif isinstance(obj, type):
        for key, value in vars(obj).items():
            yield f".{key}", value
        return
    else:
        yield from _parts_of_instance(obj)


def _parts_of_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for at, default in enumerate(function.__defaults__ or ()):
        yield f".__defaults__[{at}]", default
    for key, default in (function.__kwdefaults__ or {}).items():
        yield f".__kwdefaults__[{key!r}]", default
    for key, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f".<closure {key}>", cell.cell_contents
        except ValueError:  # empty so far
            continue
    for key in referenced_globals(function.__code__):
        if key in function.__globals__:
            yield f".<global {key}>", function.__globals__[key]
    for key, value in vars(function).items():
        yield f".{key}", value


def _parts_of_instance(obj: Any) -> Iterator[tuple[str, Any]]:
    attributes = getattr(obj, "__dict__", None)
    if isinstance(attributes, dict):
        for key, value in attributes.items():
            yield f".{key}", value
    for cls in type(obj).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in ("__dict__", "__weakref__") and hasattr(obj, slot):
                yield f".{slot}", getattr(obj, slot)
    if type(obj).__module__ == "functools" and type(obj).__name__ == "partial":
        yield ".func", obj.func
        yield ".args", obj.args
        yield ".keywords", obj.keywords
    try:
        reduced = copyreg.dispatch_table.get(type(obj), lambda o: o.__reduce_ex__(5))(obj)
    except Exception:  # it is the culprit itself
        return
    if isinstance(reduced, tuple):
        # What its own way of pickling drags in, where that is not an attribute.
        for at, part in enumerate(reduced[1] if len(reduced) > 1 and isinstance(reduced[1], tuple) else ()):
            yield f".<argument {at} of its __reduce__>", part
        if len(reduced) > 2 and reduced[2] is not None and reduced[2] is not attributes:
            yield ".<state>", reduced[2]


_GLOBAL_OPCODES = frozenset(("LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_NAME"))


def referenced_globals(code: types.CodeType) -> set[str]:
    """Name the globals that `code`, or a function or class made inside it, may read or write."""
    import dis

    names: set[str] = set()
    todo = [code]
    while todo:
        current = todo.pop()
        names.update(
            instruction.argval
            for instruction in dis.get_instructions(current)
            if instruction.opname in _GLOBAL_OPCODES
        )
        todo += [constant for constant in current.co_consts if isinstance(constant, types.CodeType)]
    return names
