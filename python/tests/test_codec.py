"""The tagged codec: what goes in comes out, with its type and its identities."""

from __future__ import annotations

import collections
import enum
import math
import pickle
import subprocess
import sys

import pytest
from rask._core import SharedBuffer, call_encoded, decode, decode_call, encode, encode_call, value_token

from rask import _core
from rask._serialize import SerializationError

FAR_BEYOND = 200_000  # bytes: more than lies in a head


def round_trip(value, **kwargs):
    encoded = encode(value)
    return decode(encoded.head, encoded.buffers, **kwargs)


class Colour(enum.IntEnum):
    RED = 1


class Custom:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(other) is Custom and other.value == self.value

    __hash__ = None


Point = collections.namedtuple("Point", "x y")

VALUES = [
    None,
    True,
    False,
    ...,
    0,
    1,
    -1,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64,
    -(2**100),
    10**4000,
    0.0,
    -0.0,
    1.5,
    math.inf,
    1 + 2j,
    "",
    "a",
    "æøå 🦀",
    "x" * FAR_BEYOND,
    "\udc80 half a pair",
    b"",
    b"\x00\xff",
    b"x" * FAR_BEYOND,
    bytearray(b"12"),
    bytearray(FAR_BEYOND),
    [],
    (),
    {},
    set(),
    frozenset(),
    [1, [2, [3, []]]],
    (1, (2, ())),
    {"a": 1, 2: (3,), (4, 5): [6], None: None},
    {1, "a", (2,)},
    frozenset({1, frozenset({2})}),
    slice(None),
    slice(1, "b", [2]),
    Point(1, 2),
    collections.OrderedDict(b=1, a=2),
    collections.deque([1, 2], maxlen=3),
    Colour.RED,
    Custom([1, 2]),
    [Custom(1), {"k": Custom((2,))}],
    len,
    dict,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_values_come_back_with_their_types(value):
    back = round_trip(value)
    assert type(back) is type(value)
    assert back == value


def test_signs_of_zero_and_nan_survive():
    assert math.copysign(1, round_trip(-0.0)) == -1
    assert math.isnan(round_trip(math.nan))


def test_order_of_dicts_survives():
    assert list(round_trip({"b": 1, "a": 2, "c": 3})) == ["b", "a", "c"]


def test_subclasses_are_not_flattened():
    class Text(str):
        __slots__ = ()

    assert type(round_trip([Text("a")])[0]).__name__ == "Text"
    assert type(round_trip(True)) is bool
    assert type(round_trip({"p": Point(1, [2])})["p"]) is Point


def test_long_bytes_lie_beside_the_head():
    value = b"x" * FAR_BEYOND
    encoded = encode({"long": value, "short": b"y"})
    assert len(encoded.head) < 100
    assert [len(buffer) for buffer in encoded.buffers] == [FAR_BEYOND]


def test_borrowed_memory_is_not_copied_and_copied_memory_is():
    array = bytearray(FAR_BEYOND)
    borrowed, copied = encode(array, share=True), encode(array)
    array[0] = 7
    assert memoryview(borrowed.buffers[0])[0] == 7
    assert memoryview(copied.buffers[0])[0] == 0


# --- identity


def test_an_object_met_twice_stays_one():
    shared = [1]
    back = round_trip({"a": shared, "b": (shared,)})
    assert back == {"a": [1], "b": ([1],)}
    assert back["a"] is back["b"][0]


def test_identity_holds_across_arguments():
    shared = Custom([1])
    encoded = encode_call((shared, [shared]), {"k": shared})
    args, kwargs = decode_call(encoded.head, encoded.buffers)
    assert args[0] is args[1][0] is kwargs["k"]


def test_cycles_survive():
    loop = [1]
    loop.append(loop)
    back = round_trip(loop)
    assert back[0] == 1 and back[1] is back


def test_equal_but_different_objects_stay_different():
    first, second = round_trip([[1], [1]])
    assert first is not second


def test_nesting_beyond_the_bound_is_pickled():
    value = []
    for _ in range(200):
        value = [value]
    back = round_trip(value)
    for _ in range(200):
        (back,) = back
    assert back == []


def test_exponential_sharing_takes_no_exponential_time():
    value = ()
    for _ in range(100):
        value = (value, value)
    back = round_trip(value)
    assert back[0] is back[1]


def test_a_list_that_shrinks_while_it_is_encoded_is_an_error():
    class Shrinks:
        def __reduce__(self):
            victims.clear()
            return (int, ())

    victims = [Shrinks(), Shrinks()]
    with pytest.raises(RuntimeError, match="changed its size"):
        encode(victims)


# --- dependencies


class Future:
    __dask_future__ = True

    def __init__(self, key):
        self.key = key

    def __reduce__(self):
        number = _core.report_future(self)
        if number is not None:
            from rask._serialize import dependency

            return dependency, (number,)
        return Future, (self.key,)

    def __eq__(self, other):
        return type(other) is Future and self.key == other.key

    __hash__ = None


def test_futures_in_containers_are_replaced_by_their_values():
    a, b = Future("a"), Future("b")
    encoded = encode_call((a, [b, {"k": (a,)}]), {"x": b})
    assert encoded.dependencies == [a, b]
    assert encoded.holds == []
    args, kwargs = decode_call(encoded.head, encoded.buffers, [1, 2])
    assert args == (1, [2, {"k": (1,)}])
    assert kwargs == {"x": 2}


def test_futures_inside_objects_are_delivered_and_held():
    a = Future("a")
    encoded = encode_call((Custom([a, a]), a))
    assert encoded.dependencies == [a]
    assert encoded.holds == [a]
    args, _ = decode_call(encoded.head, encoded.buffers, [1])
    assert args == (Custom([a, a]), 1)


def test_futures_are_replaced_even_where_identity_asks_for_a_pickle():
    a, b = Future("a"), Future("b")
    shared = [a]
    encoded = encode_call((b, shared, shared))
    args, _ = decode_call(
        encoded.head, encoded.buffers, ["va" if f is a else "vb" for f in encoded.dependencies]
    )
    assert args == ("vb", ["va"], ["va"])
    assert args[1] is args[2]


def test_a_pickled_dependency_loads_nowhere_else():
    from rask._serialize import dependency

    with pytest.raises(RuntimeError, match="argument"):
        dependency(0)


# --- calls


def test_functions_are_called_with_what_was_encoded():
    def function(*args, **kwargs):
        return args, kwargs

    shared = [1]
    for args, kwargs in [
        ((), {}),
        ((1, "a", [2]), {}),
        ((), {"k": 1}),
        ((1,), {"a": 2, "b": [3]}),
        ((shared, shared), {}),
    ]:
        encoded = encode_call(args, kwargs)
        assert call_encoded(function, encoded.head, encoded.buffers) == (args, kwargs)


def test_what_a_function_raises_comes_out():
    encoded = encode_call((1, 0))
    with pytest.raises(ZeroDivisionError):
        call_encoded(lambda a, b: a / b, encoded.head)


# --- damage


@pytest.mark.parametrize("value", [[1, "abc", (2.5, {"k": b"x"})], Custom(1), b"x" * FAR_BEYOND, 2**80])
def test_damaged_bytes_are_errors(value):
    encoded = encode(value)
    for cut in range(len(encoded.head)):
        with pytest.raises(Exception, match=r".") as caught:
            decode(encoded.head[:cut], encoded.buffers)
        assert not isinstance(caught.value, SystemError)
    with pytest.raises(ValueError, match="left over"):
        decode(encoded.head + b"\x00", encoded.buffers)


def test_lying_counts_and_unknown_tags_are_errors():
    for head in (
        b"\x0c\xff\xff\xff\xff\x0f",
        b"\xee",
        b"\x13\x05",
        b"\x09\x00",
        b"\x0c\x01" * 1000 + b"\x00",
    ):
        with pytest.raises(ValueError, match="encoded value"):
            decode(head)


# --- errors


def test_errors_name_the_path_to_the_culprit():
    import threading

    class Model:
        def __init__(self):
            self.lock = threading.Lock()

    with pytest.raises(TypeError, match=r"args\[1\]\[0\]\['m'\]\.lock: _thread\.lock") as caught:
        encode_call((1, [{"m": Model()}]))
    assert isinstance(caught.value, SerializationError)
    assert isinstance(caught.value, pickle.PicklingError)
    with pytest.raises(TypeError, match=r"cannot pickle model\.lock: _thread\.lock"):
        encode_call((), {"model": Model()})


# --- NumPy


def test_numpy_is_not_imported_for_anything_else():
    code = (
        "import sys; from rask._core import encode, decode, encode_call\n"
        "class C: pass\n"
        "e = encode([1, 'a', {2.5: C()}]); decode(e.head, e.buffers)\n"
        "import rask; rask.delayed(len)([1])\n"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def numpy_arrays():
    np = pytest.importorskip("numpy")
    yield np.arange(12.0).reshape(3, 4)
    yield np.asfortranarray(np.arange(12).reshape(3, 4))
    yield np.zeros(())
    yield np.zeros((0, 3))
    yield np.zeros((2, 0), order="F")
    yield np.array([True, False])
    yield np.array(["a", "bcd"])
    yield np.array([b"a", b"bcd"])
    yield np.array(["2020-01-01", "NaT"], dtype="M8[ns]")
    yield np.arange(3, dtype=">i4")
    yield np.arange(6).reshape(2, 3)[:, ::2]
    yield np.arange(10)[::-1]
    yield np.array([1, "a", None], dtype=object)
    yield np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    yield np.arange(100_000.0).reshape(100, 1000)
    yield np.asfortranarray(np.arange(100_000.0).reshape(100, 1000))
    yield np.arange(200_000.0).reshape(100, 2000)[:, ::2]


@pytest.mark.parametrize("views", ["copies", "read-only"])
def test_arrays_come_back(views):
    np = pytest.importorskip("numpy")
    for array in numpy_arrays():
        back = round_trip(array, views=views)
        assert type(back) is np.ndarray
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        if array.dtype.kind == "M":
            assert (back.view("i8") == array.view("i8")).all()
        else:
            assert (back == array).all()
        if array.flags.c_contiguous or array.flags.f_contiguous:
            assert back.flags.f_contiguous == array.flags.f_contiguous


def test_large_arrays_travel_beside_the_head_without_a_copy():
    np = pytest.importorskip("numpy")
    array = np.arange(100_000.0)
    encoded = encode([array], share=True)
    assert len(encoded.head) < 50
    assert len(encoded.buffers) == 1
    array[0] = 7
    (view,) = decode(encoded.head, encoded.buffers, views="read-only")
    assert view[0] == 7
    assert np.shares_memory(view, array)
    assert not view.flags.writeable


def test_a_captured_array_is_what_it_was():
    np = pytest.importorskip("numpy")
    array = np.zeros(100_000)
    encoded = encode(array)
    array[0] = 7
    assert decode(encoded.head, encoded.buffers)[0] == 0


def test_arrays_can_be_written_to_if_the_originals_could():
    np = pytest.importorskip("numpy")
    for size in (3, 100_000):
        array = np.zeros(size)
        assert round_trip(array).flags.writeable
        array.flags.writeable = False
        assert not round_trip(array).flags.writeable


def test_an_array_met_twice_stays_one():
    np = pytest.importorskip("numpy")
    array = np.arange(3)
    first, second = round_trip([array, array])
    assert first is second


def test_array_subclasses_stay_what_they_are():
    np = pytest.importorskip("numpy")
    masked = np.ma.masked_array([1, 2], mask=[False, True])
    back = round_trip(masked)
    assert type(back) is type(masked)
    assert back.mask.tolist() == [False, True]


def test_numpy_scalars_come_back():
    np = pytest.importorskip("numpy")
    names = (
        "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
    )
    for name in [*names.split(), "longdouble", "str_", "datetime64"]:
        kind = getattr(np, name)
        value = kind("2020-01-01") if name == "datetime64" else kind(3)
        back = round_trip([value])[0]
        assert type(back) is type(value)
        assert back == value
    for extreme in (
        np.int64(-(2**63)),
        np.uint64(2**64 - 1),
        np.int8(-128),
        np.float32(1e-45),
        np.float16(-0.0),
    ):
        assert round_trip(extreme).tobytes() == extreme.tobytes()


def test_a_payload_that_lies_about_an_array_is_an_error():
    np = pytest.importorskip("numpy")
    encoded = encode(np.arange(3.0))
    with pytest.raises(ValueError, match="do not fill"):
        decode(encoded.head.replace(b"\x03\x00\x18", b"\x04\x00\x18"), [])


def test_buffers_of_pickles_travel_beside_the_head():
    class Holder:
        def __init__(self, data):
            self.data = data

        def __reduce_ex__(self, protocol):
            return bytearray, (pickle.PickleBuffer(self.data),)

    encoded = encode([Holder(bytearray(b"x" * FAR_BEYOND))])
    assert [len(buffer) for buffer in encoded.buffers] == [FAR_BEYOND]
    assert decode(encoded.head, encoded.buffers) == [bytearray(b"x" * FAR_BEYOND)]


def test_shared_buffers_are_read_only():
    buffer = encode(b"x" * FAR_BEYOND).buffers[0]
    assert isinstance(buffer, SharedBuffer)
    assert memoryview(buffer).readonly


# --- tokens


def test_equal_values_have_equal_tokens():
    pairs = [
        ([1, "a", (2.5, None)], [1, "a", (2.5, None)]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2, 3, "x"}, {"x", 3, 2, 1}),
        (frozenset("abc"), frozenset("cba")),
        (b"x" * FAR_BEYOND, b"x" * FAR_BEYOND),
        (slice(1, 2), slice(1, 2)),
    ]
    for first, second in pairs:
        assert value_token(first) == value_token(second) is not None


def test_different_values_have_different_tokens():
    values = [
        *(1, 1.0, True, "1", b"1", None, ..., 1 + 0j, bytearray(b"1"), 0.0, -0.0, 2**70, slice(1)),
        *([1], (1,), {1}, frozenset({1}), {1: None}, [[1], 2], [[1, 2]]),
        *({"a": {"b": 1}}, {"a": 1, "b": 1}, "x" * FAR_BEYOND, b"x" * FAR_BEYOND),
    ]
    tokens = [value_token(value) for value in values]
    assert None not in tokens
    assert len(set(tokens)) == len(values)


def test_arrays_have_tokens_by_content():
    np = pytest.importorskip("numpy")
    arrays = [
        np.arange(3), np.arange(3.0), np.arange(3).reshape(1, 3), np.arange(300_000.0), np.zeros(300_000),
        np.array(["a"]), np.array([b"a"]), np.arange(10)[::2], np.array([1, "a"], dtype=object),
    ]  # fmt: skip
    tokens = [value_token(array) for array in arrays]
    assert None not in tokens
    assert len(set(tokens)) == len(arrays)
    assert tokens == [value_token(array.copy()) for array in arrays]


def test_a_future_counts_as_its_key():
    assert value_token([Future("a")]) == value_token([Future("a")])
    assert value_token([Future("a")]) != value_token([Future("b")])
    assert value_token([Future("a")]) != value_token(["a"])
