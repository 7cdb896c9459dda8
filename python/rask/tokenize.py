"""Tokens: what a value is, in 32 hexadecimal digits.

Equal values have equal tokens, in every process with the same Python version, and different ones different
tokens: `1`, `1.0`, `True` and `"1"` are four values. So a token can name the result of a pure call.

How a value becomes a token: it is written in a canonical encoding (every type with its tag, dicts and sets
sorted), and that is hashed. What has no encoding of its own has a *normal form*, a value that has one or
whose parts do: the handler registered for its type with `normalize_token.register`, or else its
`__dask_tokenize__` method, makes it. Without either, functions and classes count by their name where they can
be imported, and by their code and members where they cannot; other objects by what pickle would need to make
them again. What cannot be pickled has no deterministic token and gets a random one, or an error if asked for
determinism.

>>> tokenize({"a": 1, "b": [2, 3]}) == tokenize({"b": [2, 3], "a": 1})
True
>>> tokenize(1) == tokenize(1.0)
False
"""

from __future__ import annotations

import builtins
import copyreg
import sys
import types
from collections import OrderedDict
from contextvars import ContextVar

from rask import config
from rask.dispatch import Dispatch

try:
    # What hashlib has under this name, without the ten milliseconds in which hashlib loads OpenSSL.
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["TokenizationError", "normalize_token", "tokenize"]

_DIGEST_BYTES = 16
_INLINE_BYTES_MAX = 64  # longer encodings are replaced by their digest


class TokenizationError(RuntimeError):
    """Raised for a value without a deterministic token when one is required."""


def tokenize(*args: object, ensure_deterministic: bool | None = None, **kwargs: object) -> str:
    """Compute the token of some values.

    Parameters
    ----------
    *args, **kwargs : Any
        The values. Keyword arguments count by name, in any order.
    ensure_deterministic : bool, optional
        Raise for values that have no deterministic token, instead of giving them a random one. If not given,
        a call inside another `tokenize` does as that one, and else the setting
        `tokenize.ensure-deterministic` decides.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    TokenizationError
        A value has no deterministic token and `ensure_deterministic` is in force.

    Examples
    --------
    >>> tokenize([1, "x"], n=2)
    '586533e78a4bfab4d4ceefbfca7f90a3'
    >>> import threading
    >>> tokenize(threading.Lock()) == tokenize(threading.Lock())
    False
    """
    outer = _walk.get()
    if ensure_deterministic is None:
        ensure_deterministic = outer.ensure_deterministic if outer else _configured()
    walk = _Walk(ensure_deterministic)
    reset = _walk.set(walk)
    try:
        data = walk.encode(args)
        if kwargs:
            data += walk.encode(kwargs)
    except RecursionError:
        message = "A value is nested too deeply and cannot be deterministically hashed"
        data = walk.encode(_nondeterministic(message))
    finally:
        _walk.reset(reset)
    return blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()


def _configured() -> bool:
    return bool(config.get("tokenize.ensure-deterministic", False))


def _nondeterministic(message: str) -> tuple[str, str]:
    """Return a normal form that is equal to no other, or raise."""
    walk = _walk.get()
    if walk.ensure_deterministic if walk else _configured():
        raise TokenizationError(
            f"{message}. Give its class a method __dask_tokenize__, or register a function for it with "
            "normalize_token.register"
        )
    return "random", _random_hex()


def _random_hex() -> str:
    import os

    return os.urandom(_DIGEST_BYTES).hex()


# --- the encoding ------------------------------------------------------------------------------------------


def _digest(data: bytes) -> bytes:
    return b"@" + blake2b(data, digest_size=_DIGEST_BYTES).digest()


def _short(tag: bytes, data: bytes | bytearray) -> bytes:
    size = len(data)
    if size <= _INLINE_BYTES_MAX:
        return b"%b%x:%b" % (tag, size, data)
    return b"#%b%b" % (tag, blake2b(data, digest_size=_DIGEST_BYTES).digest())


def _encode_str(x: str) -> bytes:
    return _short(b"s", x.encode("utf-8", "surrogatepass"))


# What is encoded without looking at anything else.
_LEAVES: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda x: b"N",
    bool: lambda x: b"T" if x else b"F",
    int: lambda x: b"i%x;" % x,
    float: lambda x: b"f%b;" % x.hex().encode(),
    complex: lambda x: b"c%b,%b;" % (x.real.hex().encode(), x.imag.hex().encode()),
    str: _encode_str,
    bytes: lambda x: _short(b"b", x),
    bytearray: lambda x: _short(b"a", x),
    type(...): lambda x: b"E",
    type(NotImplemented): lambda x: b"I",
}


class _Walk:
    """The state of one `tokenize` call: what was encoded, and what is being encoded just now.

    The encoding of an object says nothing about who else refers to it: equal parts are encoded alike, whether
    they are one object or several. Only where objects contain each other in a cycle are they referred to by
    position: by how far up they are (`^`), by how long ago they were seen (`~`), or, once the cycle is
    closed, as a numbered part of the object by which it was entered.
    """

    __slots__ = ("ensure_deterministic", "lowest", "memo", "open", "path")

    def __init__(self, ensure_deterministic: bool):
        self.ensure_deterministic = ensure_deterministic
        # They keep their objects alive, since a normal form made in passing must not lend its id to another.
        self.memo: dict[int, tuple[object, bytes]] = {}
        # What is being encoded: id → depth.
        self.path: dict[int, int] = {}
        # Parts of a cycle not yet closed: id → object, number, least depth that it refers to.
        self.open: dict[int, tuple[object, int, int]] = {}
        # The least depth that what was encoded lately refers to.
        self.lowest = sys.maxsize

    def encode(self, obj: Any) -> bytes:
        kind = type(obj)
        leaf = _LEAVES.get(kind)
        if leaf is not None:
            return leaf(obj)
        key = id(obj)
        known = self.memo.get(key)
        if known is not None:
            return known[1]
        depth = len(self.path)
        above = self.path.get(key)
        if above is not None:
            self.lowest = min(self.lowest, above)
            return b"^%x;" % (depth - above)
        seen = self.open.get(key)
        if seen is not None:
            self.lowest = min(self.lowest, seen[2])
            return b"~%x;" % (len(self.open) - seen[1])

        self.path[key] = depth
        lowest_before, self.lowest = self.lowest, sys.maxsize
        opened_before = len(self.open)
        try:
            container = _CONTAINERS.get(kind)
            encoded = self._handled(obj) if container is None else container(self, obj)
        finally:
            del self.path[key]
        if len(encoded) > _INLINE_BYTES_MAX:
            encoded = _digest(encoded)
        if self.lowest >= depth:
            # Nothing in it refers to what is around it.
            self.memo[key] = (obj, encoded)
            while len(self.open) > opened_before:
                part, (part_object, number, _) = self.open.popitem()
                self.memo[part] = (part_object, _digest(b"%b~%x" % (encoded, number - opened_before)))
            self.lowest = lowest_before
        else:
            self.open[key] = (obj, len(self.open), self.lowest)
            self.lowest = min(lowest_before, self.lowest)
        return encoded

    def _handled(self, obj: Any) -> bytes:
        normal = normalize_token.dispatch(type(obj))(obj)
        if normal is obj:
            normal = _reduced(obj)
        return b"o" + self.encode(normal)

    # Loops and no comprehensions: those are functions to some Python versions, whose stack is short.

    def _list(self, items: list) -> bytes:
        encoded = []
        for item in items:
            encoded.append(self.encode(item))
        inner = b"".join(encoded)
        return b"[%x:%b" % (len(inner), inner)

    def _tuple(self, items: tuple) -> bytes:
        encoded = []
        for item in items:
            encoded.append(self.encode(item))
        inner = b"".join(encoded)
        return b"(%x:%b" % (len(inner), inner)

    def _set(self, items: set) -> bytes:
        inner = b"".join(sorted([self.encode(item) for item in items]))
        return b"{%x:%b" % (len(inner), inner)

    def _frozenset(self, items: frozenset) -> bytes:
        return b"Z" + self._set(items)  # type: ignore[arg-type]

    def _dict(self, items: dict) -> bytes:
        # Keys first: the order in which values are visited must not depend on the order of insertion.
        keys = sorted([(self.encode(key), i) for i, key in enumerate(items)])
        values = list(items.values())
        encoded = []
        for key, i in keys:
            encoded.append(key)
            encoded.append(self.encode(values[i]))
        inner = b"".join(encoded)
        return b"<%x:%b" % (len(inner), inner)

    def _slice(self, x: slice) -> bytes:
        return b"l" + self._tuple((x.start, x.stop, x.step))

    def _range(self, x: range) -> bytes:
        return b"r" + self._tuple((x.start, x.stop, x.step))


_CONTAINERS: dict[type, Callable[[_Walk, Any], bytes]] = {
    list: _Walk._list,
    tuple: _Walk._tuple,
    dict: _Walk._dict,
    set: _Walk._set,
    frozenset: _Walk._frozenset,
    slice: _Walk._slice,
    range: _Walk._range,
}

_walk: ContextVar[_Walk | None] = ContextVar("rask_tokenize", default=None)


# --- normal forms ------------------------------------------------------------------------------------------

normalize_token = Dispatch("normalize_token")
normalize_token.__doc__ = """Return a normal form of a value: something else with the same token.

    Made for the `__dask_tokenize__` methods and registered functions of libraries, which may return whatever
    `tokenize` takes: a tuple of the attributes that matter, say.

    Examples
    --------
    >>> class Picture:
    ...     def __init__(self, path, cache):
    ...         self.path, self.cache = path, cache
    >>> @normalize_token.register(Picture)
    ... def normalize_picture(picture):
    ...     return "Picture", picture.path
    >>> tokenize(Picture("a.png", {})) == tokenize(Picture("a.png", {1: 2}))
    True
    """


@normalize_token.register((*_LEAVES, slice, range))
def _itself(x: object) -> object:
    return x


@normalize_token.register((list, tuple, dict, set, frozenset))
def _container(x: Any) -> object:
    if type(x) not in _CONTAINERS:
        return _object(x)
    walk = _walk.get() or _Walk(_configured())
    return type(x).__name__, walk.encode(x).hex()


for _module in ("datetime", "decimal", "pathlib", "uuid", "fractions"):

    @normalize_token.register_lazy(_module)
    def _register_values(name: str = _module) -> None:
        module = sys.modules[name]
        types_of_values = {
            "datetime": ("date", "time", "timedelta", "tzinfo"),
            "decimal": ("Decimal",),
            "pathlib": ("PurePath",),
            "uuid": ("UUID",),
            "fractions": ("Fraction",),
        }
        normalize_token.register(tuple(getattr(module, t) for t in types_of_values[name]), _itself)


@normalize_token.register(object)
def _object(obj: Any) -> object:
    """Normalize what nothing is registered for."""
    method = getattr(obj, "__dask_tokenize__", None)
    if method is not None:
        return "__dask_tokenize__", type(obj).__module__, type(obj).__qualname__, method()
    if type(obj) is object:
        return _sentinel(obj)
    return _by_name(obj) or _reduced(obj)


_sentinels: dict[int, tuple[object, str]] = {}


def _sentinel(obj: object) -> tuple[str, str]:
    """Normalize `object()`, of which each is another value, and which can only be told by where it lies."""
    walk = _walk.get()
    if walk.ensure_deterministic if walk else _configured():
        _nondeterministic("object() cannot be deterministically hashed")
    # Kept alive for good, as its id would else become another's.
    return "object", _sentinels.setdefault(id(obj), (obj, _random_hex()))[1]


def _by_name(obj: Any) -> tuple | None:
    """Return the name by which any process can import `obj`, or None if it has none."""
    module = getattr(obj, "__module__", None)
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    if not isinstance(name, str) or not isinstance(module, str):
        return None
    return ("global", module, name) if _named(module, name) is obj else None


def _named(module: str, name: str) -> object:
    # What __main__ holds is another thing in each process.
    if module in ("__main__", "__mp_main__") or "<" in name:
        return None
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _reduced(obj: Any) -> object:
    """Normalize an object by what pickle would need to make it again."""
    try:
        reducer = copyreg.dispatch_table.get(type(obj))
        made_of = obj.__reduce_ex__(4) if reducer is None else reducer(obj)
    except TokenizationError:
        raise
    except Exception as exc:
        return _nondeterministic(
            f"{_described(obj)} cannot be deterministically hashed, since it cannot be pickled "
            f"({type(exc).__name__}: {exc})"
        )
    if isinstance(made_of, str):
        module = getattr(obj, "__module__", None) or getattr(type(obj), "__module__", "")
        if _named(module, made_of) is not obj:
            return _nondeterministic(
                f"{_described(obj)} cannot be deterministically hashed, since {module}.{made_of} is not it"
            )
        return "global", module, made_of
    function, arguments, *rest = made_of
    state, items, pairs = (*rest, None, None, None)[:3]
    if isinstance(obj, (set, frozenset)):
        # These hand over their items in no particular order.
        return "reduced", type(obj), frozenset(obj), state
    if pairs is not None:
        pairs = list(pairs) if isinstance(obj, OrderedDict) else dict(pairs)
    return "reduced", function, arguments, state, None if items is None else list(items), pairs


def _described(obj: object) -> str:
    try:
        text = repr(obj)
    except Exception:
        text = object.__repr__(obj)
    return f"Object {text if len(text) <= 200 else text[:200] + '…'} of type {type(obj)}"


# --- functions and classes ---------------------------------------------------------------------------------


@normalize_token.register(types.FunctionType)
def _function(func: types.FunctionType) -> object:
    name = _by_name(func)
    if name is not None:
        # Its code too, as the module may be another version elsewhere.
        return (*name, _code_digest(func.__code__)[0])
    cells = {}
    for cell_name, cell in zip(func.__code__.co_freevars, func.__closure__ or (), strict=True):
        try:
            cells[cell_name] = cell.cell_contents
        except ValueError:  # not assigned yet
            cells[cell_name] = NotImplemented
    code, names = _code_digest(func.__code__)
    values = {name: func.__globals__[name] for name in names if name in func.__globals__}
    return "function", func.__name__, code, func.__defaults__, func.__kwdefaults__, cells, values


_codes: dict[int, tuple[types.CodeType, bytes, tuple[str, ...]]] = {}
_CODES_MAX = 4096


def _code_digest(code: types.CodeType) -> tuple[bytes, tuple[str, ...]]:
    """Return a digest of the code, and the names of the globals that it uses; both are remembered."""
    known = _codes.get(id(code))
    if known is not None:
        return known[1], known[2]
    # Its constants are immutable and without cycles, so a walk of its own makes no difference.
    digest = _Walk(True).encode(_code(code))
    names = tuple(sorted(_global_names(code)))
    if len(_codes) >= _CODES_MAX:
        _codes.clear()
    _codes[id(code)] = code, digest, names
    return digest, names


def _global_names(code: types.CodeType) -> set[str]:
    """Find the globals that a function uses, those of the functions inside it included."""
    import dis

    names = set()
    to_do = [code]
    while to_do:
        code = to_do.pop()
        names.update(step.argval for step in dis.get_instructions(code) if "_GLOBAL" in step.opname)
        to_do.extend(const for const in code.co_consts if isinstance(const, types.CodeType))
    return names


@normalize_token.register(types.CodeType)
def _code(code: types.CodeType) -> tuple:
    # Neither file nor line numbers: the same function in another cell of a notebook is the same function.
    return (
        code.co_name,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        code.co_code,
        code.co_consts,
        (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars),
        getattr(code, "co_exceptiontable", b""),
    )


@normalize_token.register(types.MethodType)
def _method(method: types.MethodType) -> tuple:
    return "method", method.__func__, method.__self__


@normalize_token.register((types.BuiltinFunctionType, types.MethodWrapperType))
def _builtin(func: Any) -> object:
    owner = func.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return "builtin", func.__module__ or getattr(owner, "__name__", ""), func.__qualname__
    return "builtin method", func.__name__, owner


@normalize_token.register(
    (
        types.WrapperDescriptorType,
        types.MethodDescriptorType,
        types.ClassMethodDescriptorType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
    )
)
def _descriptor(descriptor: Any) -> tuple:
    return "descriptor", descriptor.__objclass__, descriptor.__name__


@normalize_token.register(types.ModuleType)
def _module_by_name(module: types.ModuleType) -> tuple:
    return "module", module.__name__


@normalize_token.register((staticmethod, classmethod))
def _wrapped_function(x: Any) -> tuple:
    return type(x).__name__, x.__func__


@normalize_token.register(property)
def _property(x: property) -> tuple:
    return "property", x.fget, x.fset, x.fdel


@normalize_token.register(types.MappingProxyType)
def _mapping_proxy(x: Any) -> tuple:
    return "mappingproxy", dict(x)


@normalize_token.register(memoryview)
def _memoryview(x: memoryview) -> tuple:
    return "memoryview", x.format, x.shape, x.tobytes()


@normalize_token.register_lazy("functools")
def _register_functools() -> None:
    import functools

    @normalize_token.register(functools.partial)
    def partial(p: functools.partial) -> tuple:
        return "partial", type(p), p.func, p.args, p.keywords, vars(p)

    @normalize_token.register(functools.cached_property)
    def cached_property(p: functools.cached_property) -> tuple:
        # Some Python versions put a lock into it.
        return "cached_property", p.func, p.attrname


# What Python or a base class puts into a class of its own accord, or what is in no fixed order.
_CLASS_NOISE = frozenset(
    {
        "__dict__",
        "__weakref__",
        "__module__",
        "__qualname__",
        "__doc__",
        "__firstlineno__",
        "__static_attributes__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__slotnames__",
        "__abstractmethods__",
        "_abc_impl",
    }
)


@normalize_token.register(type)
def _class(cls: type) -> object:
    name = _by_name(cls)
    if name is not None:
        return name
    if cls.__module__ == "builtins" and not hasattr(builtins, cls.__name__):
        # Types that Python itself makes and names nowhere, such as that of None.
        return "builtin class", cls.__qualname__
    members = {k: v for k, v in vars(cls).items() if k not in _CLASS_NOISE and not _is_slot(v, cls)}
    return "class", cls.__qualname__, type(cls), cls.__bases__, members


def _is_slot(value: object, cls: type) -> bool:
    return isinstance(value, types.MemberDescriptorType) and value.__objclass__ is cls


# --- other packages ----------------------------------------------------------------------------------------


@normalize_token.register_lazy("numpy")
def _register_numpy() -> None:
    from rask._normalize_arrays import register_numpy

    register_numpy()


@normalize_token.register_lazy("pandas")
def _register_pandas() -> None:
    from rask._normalize_arrays import register_pandas

    register_pandas()


@normalize_token.register_lazy("pyarrow")
def _register_pyarrow() -> None:
    from rask._normalize_arrays import register_pyarrow

    register_pyarrow()


@normalize_token.register_lazy("numba")
def _register_numba() -> None:
    from rask._normalize_arrays import register_numba

    register_numba()
