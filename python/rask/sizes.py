"""Sizes and durations: reading and writing them with units, and estimating what an object occupies.

>>> parse_bytes("1.5 GiB"), format_bytes(1610612736)
(1610612736, '1.50 GiB')
>>> parse_timedelta("300 ms"), format_time(0.3)
(0.3, '300.00 ms')
"""

from __future__ import annotations

import sys
from itertools import islice

from rask.dispatch import Dispatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any

__all__ = ["format_bytes", "format_time", "parse_bytes", "parse_timedelta", "sizeof"]

# --- bytes -------------------------------------------------------------------------------------------------

_BYTE_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kMGTP", start=1):
    for _unit, _factor in ((_letter, 1000**_power), (_letter + "i", 1024**_power)):
        _BYTE_UNITS[_unit.lower()] = _BYTE_UNITS[_unit.lower() + "b"] = _factor

_BYTE_STEPS = [(f"{_letter}iB", 1024**_power) for _power, _letter in ((5, "P"), (4, "T"), (3, "G"), (2, "M"))]
_BYTE_STEPS.append(("kiB", 1024))


def _split_unit(text: str) -> tuple[str, str]:
    """Split text without blanks into its number and the letters at its end."""
    end = len(text)
    while end and text[end - 1].isalpha():
        end -= 1
    return text[:end], text[end:]


def parse_bytes(s: float | str) -> int:
    """Read a number of bytes.

    Parameters
    ----------
    s : str or number
        A number with a unit, in either case: B, kB, MB, GB, TB, PB (powers of 1000), kiB, MiB, … (powers of
        1024); the B may be left out. A unit alone means one of it. A number is taken as bytes.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    ValueError
        The number or the unit cannot be read.
    TypeError
        Neither a string nor a number.

    Examples
    --------
    >>> [parse_bytes(s) for s in ("100", "5.4 kB", "1kiB", "1Mi", "1e6 kB", "MB", 123)]
    [100, 5400, 1024, 1048576, 1000000000, 1000000, 123]
    """
    if isinstance(s, (int, float)):
        return int(s)
    if not isinstance(s, str):
        raise TypeError(f"a size in bytes is a string or a number, got {type(s).__name__}: {s!r}")
    text = s.replace(" ", "")
    if not text:
        raise ValueError(f"Could not interpret {s!r} as a number of bytes")
    if not any(c.isdigit() for c in text):
        text = "1" + text
    number, unit = _split_unit(text)
    try:
        n = float(number)
    except ValueError:
        raise ValueError(f"Could not interpret {number!r} as a number") from None
    factor = _BYTE_UNITS.get(unit.lower())
    if factor is None:
        raise ValueError(f"Could not interpret {unit!r} as a byte unit (like kB, MiB, GB)")
    return int(n * factor)


def format_bytes(n: float) -> str:
    """Write a number of bytes for people.

    Parameters
    ----------
    n : int
        Bytes.

    Returns
    -------
    str
        With two decimals and a unit of a power of 1024, at most 10 characters for sizes below 2**60.

    Examples
    --------
    >>> [format_bytes(n) for n in (1, 1234, 12345678, 1234567890)]
    ['1 B', '1.21 kiB', '11.77 MiB', '1.15 GiB']
    """
    for unit, factor in _BYTE_STEPS:
        # From 0.9 on, so that 1000 MiB does not become a number of four digits.
        if n >= factor * 0.9:
            return f"{n / factor:.2f} {unit}"
    return f"{n} B"


# --- durations ---------------------------------------------------------------------------------------------

_SECONDS = {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SECONDS |= {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_SECONDS |= {"millisecond": 1e-3, "microsecond": 1e-6, "nanosecond": 1e-9}
_SECONDS |= {f"{_unit}s": _factor for _unit, _factor in _SECONDS.items() if len(_unit) > 2}


def parse_timedelta(
    s: timedelta | float | str | None, default: str | bool | None = "seconds"
) -> float | None:
    """Read a duration.

    Parameters
    ----------
    s : str, number, timedelta or None
        A number with a unit, in either case: ns, us, ms, s, m, h, d, w, or the words. None stays None.
    default : str or False
        The unit of a bare number; False makes a bare number an error.

    Returns
    -------
    float or int or None
        Seconds; an int where they are whole.

    Raises
    ------
    ValueError
        The number cannot be read, or a unit is missing and `default` is False.
    KeyError
        The unit is unknown.
    TypeError
        Something else than the types above; or `default` is needed and is neither a string nor False.

    Examples
    --------
    >>> [parse_timedelta(s) for s in ("3s", "3.5 seconds", "300ms", "5 minutes", 10)]
    [3, 3.5, 0.3, 300, 10]
    >>> parse_timedelta(300, default="ms")
    0.3
    """
    if s is None:
        return None
    if hasattr(s, "total_seconds"):
        return _whole(s.total_seconds())
    if isinstance(s, bool) or not isinstance(s, (int, float, str)):
        raise TypeError(f"a duration is a string, a number or a timedelta, got {type(s).__name__}: {s!r}")
    number, unit = s, ""
    if isinstance(s, str):
        text = s.replace(" ", "")
        if not text:
            raise ValueError(f"Could not interpret {s!r} as a duration")
        if not text[0].isdigit() and text[0] not in "+-.":
            text = "1" + text
        number, unit = _split_unit(text)
    if not unit:
        if default is False:
            raise ValueError(f"Missing time unit: {s}")
        if not isinstance(default, str):
            raise TypeError(f"default must be str or False, got {default!r}")
        unit = default
    try:
        n = float(number)
    except ValueError:
        raise ValueError(f"Could not interpret {s!r} as a duration: {number!r} is no number") from None
    factor = _SECONDS.get(unit.lower())
    if factor is None:
        raise KeyError(f"Invalid time unit: {unit}. Valid units are: {', '.join(_SECONDS)}")
    return _whole(n * factor)


def _whole(seconds: float) -> float | int:
    return int(seconds) if seconds == seconds // 1 and abs(seconds) != float("inf") else seconds


def format_time(n: float) -> str:
    """Write a duration for people.

    Parameters
    ----------
    n : float
        Seconds.

    Returns
    -------
    str
        One unit with two decimals up to ten minutes, two units beyond.

    Examples
    --------
    >>> [format_time(n) for n in (0.00012345, 0.123456, 10.4, 1000.4, 10000.4, 1234567.8)]
    ['123.45 us', '123.46 ms', '10.40 s', '16m 40s', '2hr 46m', '14d 6hr']
    """
    if n < 0:
        return f"-{format_time(-n)}"
    for limit, big, big_name, small, small_name in (
        (2 * 86400, 86400, "d", 3600, "hr"),
        (2 * 3600, 3600, "hr", 60, "m"),
        (600, 60, "m", 1, "s"),
    ):
        if n > limit:
            return f"{int(n // big)}{big_name} {int(n % big // small)}{small_name}"
    if n >= 1:
        return f"{n:.2f} s"
    if n >= 1e-3:
        return f"{n * 1e3:.2f} ms"
    return f"{n * 1e6:.2f} us"


# --- objects -----------------------------------------------------------------------------------------------

_SAMPLED_FROM = 64  # a container with more items than this is sampled
_SAMPLE_ITEMS = 24
_LEVEL_NODES_MAX = 400  # objects looked at on one level of nesting
_NODES_MAX = 1600  # objects looked at for one estimate before no deeper level is entered


sizeof = Dispatch("sizeof")
sizeof.__doc__ = """Estimate the memory that an object and what it holds occupy, in bytes.

    Containers (list, tuple, set, frozenset, dict, the attributes of plain instances) are followed; large ones
    are sampled, and an estimate looks at no more than 2000 objects, so it is cheap for any value. An array or
    a string that a container holds twice counts twice, a container once. NumPy arrays, pandas and Arrow data
    count their buffers.

    Parameters
    ----------
    arg : Any

    Returns
    -------
    int
        Bytes.

    Examples
    --------
    >>> sizeof(b"x" * 1000) >= 1000
    True
    >>> class Picture:
    ...     pixels = 10_000
    >>> @sizeof.register(Picture)
    ... def sizeof_picture(picture):
    ...     return picture.pixels * 4
    >>> sizeof(Picture())
    40000
    """


def _getsizeof(obj: object) -> int:
    # 64 for the rare type that cannot tell.
    return sys.getsizeof(obj, 64)


def _estimate(root: object) -> int:
    """Walk through `root` level by level, weighing each object by how many unsampled ones it stands for."""
    level = [(root, 1.0)]
    seen: set[int] = set()
    total = 0.0
    nodes_left = _NODES_MAX
    while level and nodes_left > 0:
        nodes_left -= len(level)
        below = []
        for obj, weight in level:
            size, groups = _look_at(obj, seen)
            total += weight * size
            for children, count in groups:
                if children:
                    share = weight * count / len(children)
                    below.extend((child, share) for child in children)
        keep = _LEVEL_NODES_MAX
        if len(below) > keep:
            factor = len(below) / keep
            below = [(below[i][0], below[i][1] * factor) for i in _scattered(len(below), keep)]
        level = below
    return int(total)


def _look_at(obj: Any, seen: set[int]) -> tuple[int, list[tuple[list, int]]]:
    """Return the size of `obj` itself, and samples of what it holds with how many each is a sample of."""
    handler = sizeof.dispatch(type(obj))
    if handler is not _sizeof_object:
        return handler(obj), []
    if id(obj) in seen:
        return 0, []
    seen.add(id(obj))
    size = _getsizeof(obj)
    groups = []
    # The methods of the builtin types, since a subclass may have made something else of its own.
    for builtin in (list, tuple, set, frozenset):
        if isinstance(obj, builtin):
            count = builtin.__len__(obj)
            groups.append((_sample(obj, count, builtin), count))
            break
    if isinstance(obj, dict):
        groups += _items(obj)
    attributes = getattr(obj, "__dict__", None)
    # Classes have a mappingproxy instead, and a module is not the property of whoever refers to it.
    if type(attributes) is dict and attributes and type(obj) is not type(sys):
        size += _getsizeof(attributes)
        groups += _items(attributes)
    return size, groups


def _items(d: dict) -> list[tuple[list, int]]:
    count = dict.__len__(d)
    keys = _sample(d, count, dict)
    return [(keys, count), ([dict.__getitem__(d, k) for k in keys], count)]


def _sample(items: Any, count: int, builtin: Any) -> list:
    """Take all items of a small container, or some from all over a large one, always the same ones."""
    if count <= _SAMPLED_FROM:
        return list(builtin.__iter__(items))
    if builtin in (list, tuple):
        return [builtin.__getitem__(items, i) for i in _scattered(count, _SAMPLE_ITEMS)]
    step = min(count, 10_000) // _SAMPLE_ITEMS
    return list(islice(builtin.__iter__(items), 0, step * _SAMPLE_ITEMS, step))


def _scattered(count: int, sample_items: int) -> list[int]:
    """Choose indices below `count`: all, or some from all over, in step with no period in the data."""
    if count <= sample_items:
        return list(range(count))
    # Multiples of the golden ratio.
    return [int(i * 0.6180339887498949 % 1 * count) for i in range(sample_items)]


@sizeof.register(object)
def _sizeof_object(obj: object) -> int:
    return _estimate(obj)


sizeof.register(
    (int, float, bool, str, bytes, bytearray, complex, range, slice, type(None), type), _getsizeof
)


@sizeof.register(memoryview)
def _sizeof_memoryview(obj: memoryview) -> int:
    return obj.nbytes


def _sizeof_references(arrays: list) -> int:
    """Estimate what the objects in these arrays of dtype object occupy, each of them once."""
    count = sample_items = 0
    unique = {}
    for array in arrays:
        count += array.size
        for i in _scattered(array.size, 1000):
            sample_items += 1
            obj = array.flat[i]
            unique[id(obj)] = obj
    size = sum(sizeof(obj) for obj in unique.values())
    # Few distinct objects in a sample: there are few altogether. Many: the rest are new ones too.
    if sample_items < count and len(unique) > sample_items / 2:
        size = size * count // sample_items
    return size


@sizeof.register_lazy("numpy")
def _register_numpy() -> None:
    import numpy as np

    sizeof.register((np.dtype, np.generic), _getsizeof)

    @sizeof.register(np.ndarray)
    def sizeof_ndarray(x: Any) -> int:
        if 0 in x.strides:
            # A broadcast array holds one copy of what it shows many times.
            x = x[tuple(slice(None) if stride else slice(1) for stride in x.strides)]
        return int(x.nbytes) + (_sizeof_references([x]) if x.dtype.kind == "O" else 0)


@sizeof.register_lazy("pandas")
def _register_pandas() -> None:
    import numpy as np
    import pandas as pd

    overhead = 1000  # the Python objects around the buffers

    def objects_of(values: Any) -> Any:
        """The array of references behind a column of Python objects or Python strings; None for others."""
        array = getattr(values, "_ndarray", values)
        return array if isinstance(array, np.ndarray) and array.dtype.kind == "O" else None

    def buffers(values: Any) -> int:
        objects = objects_of(values)
        return int(values.nbytes) if objects is None else sizeof(objects)

    @sizeof.register(pd.MultiIndex)
    def sizeof_multiindex(index: Any) -> int:
        return sum(sizeof(level) for level in index.levels) + sum(c.nbytes for c in index.codes) + overhead

    @sizeof.register(pd.Index)
    def sizeof_index(index: Any) -> int:
        return buffers(index.array) + overhead

    @sizeof.register(pd.RangeIndex)
    def sizeof_rangeindex(index: Any) -> int:
        return overhead

    @sizeof.register(pd.Series)
    def sizeof_series(series: Any) -> int:
        return buffers(series.array) + sizeof(series.index) + overhead

    @sizeof.register(pd.api.extensions.ExtensionArray)
    def sizeof_extension_array(array: Any) -> int:
        return buffers(array) + overhead

    @sizeof.register(pd.DataFrame)
    def sizeof_dataframe(df: Any) -> int:
        # Columns of one name, as in df[["x", "x"]], are one column taken several times.
        positions = {name: position for position, name in enumerate(df.columns)}
        columns = [df.iloc[:, position].array for position in positions.values()]
        references = [array for array in map(objects_of, columns) if array is not None]
        dtypes = {str(column.dtype) for column in columns}
        return (
            sizeof(df.index)
            + sizeof(df.columns)
            + sum(int(column.nbytes) for column in columns)
            + _sizeof_references(references)
            + overhead * len(dtypes)
        )


@sizeof.register_lazy("pyarrow")
def _register_pyarrow() -> None:
    import pyarrow as pa

    @sizeof.register((pa.Array, pa.ChunkedArray, pa.Buffer, pa.Scalar))
    def sizeof_arrow(x: Any) -> int:
        return int(getattr(x, "nbytes", 0) or getattr(x, "size", 0) or 0) + 64

    @sizeof.register((pa.Table, pa.RecordBatch))
    def sizeof_table(x: Any) -> int:
        return int(x.nbytes) + 64 * x.num_columns + sizeof(x.schema.metadata) + 64
