"""`rask.tokenize`: equal values have equal tokens in every process, different ones different tokens."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import operator
import os
import pathlib
import random
import re
import subprocess
import sys
import threading
import types
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

import rask.config
from rask.tokenize import TokenizationError, normalize_token, tokenize


@pytest.fixture(autouse=True)
def deterministic():
    with rask.config.set({"tokenize.ensure-deterministic": True}):
        yield


def all_differ(*values):
    tokens = [tokenize(value) for value in values]
    assert tokens == [tokenize(value) for value in values]
    return len(set(tokens)) == len(values)


def all_equal(*values):
    return len({tokenize(value) for value in values}) == 1


# --- builtin values


def test_a_token_is_32_hexadecimal_digits():
    assert re.fullmatch("[0-9a-f]{32}", tokenize(1))
    assert re.fullmatch("[0-9a-f]{32}", tokenize())


def test_values_that_only_look_alike():
    assert all_differ(
        1, 1.0, True, 1 + 0j, "1", b"1", bytearray(b"1"), [1], (1,), {1}, frozenset({1}), {1: 1}, range(1),
        None, ..., NotImplemented, 0, 0.0, -0.0, False, "", b"", [], (), set(), frozenset(), {}, int, float,
        "None", -1, [[]], [()], [[], []], [1, [2]], [[1], 2], [1, 2], [12], ["a", "b"], ["ab"], slice(1),
        slice(1, 2), range(2), range(0, 4, 3), 10**5000, -(10**5000), float("inf"), float("nan"), "ø",
        "\ud83d", {1: 2}, {2: 1}, {"1": 2},
    )  # fmt: skip


def test_long_values():
    text = "x" * 10_000
    assert all_differ(
        text, text + "x", text.encode(), [text], [text, text], list(range(1000)), tuple(range(1000))
    )
    assert all_equal(list(range(1000)), [*range(1000)])


def test_order_counts_where_it_means_something():
    assert all_equal({"a": 1, 2: "b"}, {2: "b", "a": 1})
    assert all_equal({(i, "x") for i in range(100)}, {(i, "x") for i in reversed(range(100))})
    assert all_differ([1, 2], [2, 1])
    first, second = collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1)
    assert all_differ(first, second, dict(first))
    assert all_equal(collections.defaultdict(list, a=1, b=2), collections.defaultdict(list, b=2, a=1))
    assert all_differ(collections.defaultdict(list), collections.defaultdict(set))


def test_arguments():
    assert tokenize(1, 2) != tokenize((1, 2)) != tokenize([1, 2])
    assert tokenize(5, a=1, b=2) == tokenize(5, b=2, a=1)
    assert len({tokenize(5), tokenize(5, a=1), tokenize(5, b=1), tokenize(5, {"a": 1}), tokenize(a=5)}) == 5


def test_sharing_does_not_count():
    shared = [1, "x" * 100]
    assert all_equal([shared, shared], [[1, "x" * 100], [1, "x" * 100]])
    tree: list = ["leaf"]
    for _ in range(100):
        tree = [tree, tree]  # 2**100 leaves, if one walked there
    assert tokenize(tree) == tokenize(tree)


# --- cycles


def test_cycles():
    a: list = [1]
    a.append(a)
    b: list = [2]
    b.append(b)
    apart: list = [[], []]
    apart[0].append(apart[0])
    apart[1].append(apart[1])
    crossed: list = [[], []]
    crossed[0].append(crossed[1])
    crossed[1].append(crossed[0])
    d: dict = {}
    d["itself"] = d
    assert all_differ(a, b, apart, crossed, d, {"itself": {}})
    again: list = [1]
    again.append(again)
    assert all_equal(a, again)
    assert all_equal([a, a], [a, again])


def test_a_part_of_a_cycle_has_the_same_token_wherever_it_is_met():
    def pair():
        x, y = types.SimpleNamespace(n=1), types.SimpleNamespace(n=2)
        x.other, y.other = y, x
        return x, y

    (x, y), (x2, y2) = pair(), pair()
    assert all_equal([x, y], [x2, y2])
    assert all_differ(x, y, [x, y], [y, x])


def test_objects_that_all_know_each_other():
    nodes: list = [[] for _ in range(200)]
    for node in nodes:
        node.extend(nodes)
    assert tokenize(nodes) == tokenize(nodes)


def test_what_is_nested_too_deeply_has_no_token():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TokenizationError, match="nested too deeply"):
        tokenize(deep)
    assert tokenize(deep, ensure_deterministic=False) != tokenize(deep, ensure_deterministic=False)
    while deep:
        deep = deep.pop()


# --- the standard library


def test_values_of_the_standard_library():
    utc = datetime.timezone.utc
    assert all_differ(
        datetime.date(2021, 6, 25), datetime.date(2021, 6, 26), datetime.datetime(2021, 6, 25),
        datetime.datetime(2021, 6, 25, tzinfo=utc), datetime.time(1, 2, 3), datetime.time(1, 2, 3,
        tzinfo=utc), datetime.timedelta(1), datetime.timedelta(2), decimal.Decimal("1.1"),
        decimal.Decimal("1.10"), pathlib.PurePosixPath("/a"), pathlib.PureWindowsPath("/a"),
        pathlib.PurePosixPath("/b"), "/a", uuid.UUID(int=1), uuid.UUID(int=2), fractions.Fraction(1, 2),
        re.compile("a"), re.compile("a", re.I), collections.deque([1]), collections.deque([1], maxlen=2),
        collections.Counter("ab"), types.SimpleNamespace(), memoryview(b"ab"), types.MappingProxyType({1:
        2}), ValueError("a"), ValueError("b"), list[int], int | str, os, re,
    )  # fmt: skip


@pytest.mark.parametrize(
    "value", [1, "x", slice(1, 2), decimal.Decimal(1), datetime.date(2021, 6, 25), pathlib.PurePath("a")]
)
def test_plain_values_are_their_own_normal_form(value):
    assert normalize_token(value) is value


def test_random_state():
    a, b = random.Random(1), random.Random(1)
    assert all_equal(a, b) and all_equal(a.random, b.random)
    b.random()
    assert all_differ(a, b, a.random, b.random)


# --- classes and their instances


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Number(enum.IntEnum):
    ONE = 1


class Bits(enum.Flag):
    A = 1
    B = 2


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Data:
    a: int
    b: list = dataclasses.field(default_factory=list, repr=False)


@dataclasses.dataclass
class OtherData:
    a: int
    b: list = dataclasses.field(default_factory=list)


class Slotted:
    __slots__ = ("x", "y")

    def __init__(self, **values):
        for name, value in values.items():
            setattr(self, name, value)


class MyInt(int):
    pass


class MySet(set):
    pass


class MyList(list):
    pass


def test_enums():
    assert all_differ(Color.RED, Color.BLUE, Color, Number.ONE, 1, Bits.A, Bits.A | Bits.B)


def test_instances():
    assert all_differ(Data(1), Data(2), OtherData(1), Data(1, [2]), (1, []), {"a": 1, "b": []})
    assert all_equal(Data(1, [2]), Data(1, [2]))
    assert all_differ(Point(1, 2), Point(2, 1), (1, 2))
    assert all_differ(Slotted(), Slotted(x=1), Slotted(y=1), Slotted(x=1, y=2))
    assert all_differ(MyInt(1), 1, MyList([1]), [1], MySet({1}), {1})
    assert all_equal(MySet({(i,) for i in range(100)}), MySet({(i,) for i in reversed(range(100))}))


def make_local_class(default):
    class Local:
        """A class that cannot be imported."""

        x = default

        def method(self):
            return super().__repr__() + str(self.x)

        @property
        def double(self):
            return self.x * 2

        @functools.cached_property
        def kept(self):
            return self.x

        @staticmethod
        def static():
            return default

        @classmethod
        def made(cls):
            return cls()

    return Local


def test_local_classes_count_by_what_is_in_them():
    a, b, c = make_local_class(1), make_local_class(1), make_local_class(2)
    assert all_equal(a, b) and all_equal(a(), b())
    assert all_differ(a, c, a(), c())


def test_local_enums_and_dataclasses():
    def make(value):
        class Local(enum.Enum):
            A = value

        return Local

    assert all_equal(make(1), make(1)) and all_equal(make(1).A, make(1).A)
    assert all_differ(make(1), make(2), make(1).A, make(2).A)

    def make_dataclass(kind):
        return dataclasses.make_dataclass("Local", [("a", kind)])

    assert all_equal(make_dataclass(int), make_dataclass(int))
    assert all_differ(make_dataclass(int), make_dataclass(str), make_dataclass(int)(1))


# --- functions


def inc(x, by=1):
    return x + by


def with_helper(x):
    return helper(x)


def helper(x):
    return x


def make_adder(n):
    def add(x):
        return x + n

    return add


def test_functions():
    assert all_differ(
        inc, with_helper, len, max, os.path.join, operator.add, operator.mul, str.join, "a".join, "b".join,
        [].append, getattr, dict.fromkeys, object.__str__, Data.__init__, Data(1).__repr__,
        Data(2).__repr__, Color.RED.__repr__, int.__add__, (1).__add__, int.real, datetime.datetime.now,
    )  # fmt: skip


def test_local_functions_count_by_what_they_do():
    assert all_equal(make_adder(1), make_adder(1))
    assert all_equal(lambda x: x + 1, lambda x: x + 1)
    assert all_differ(
        make_adder(1), make_adder(2), lambda x: x, lambda y: y, lambda x: x + 1, lambda x: x + 2, lambda x,
        y=1: x, lambda x, y=2: x, lambda x, *, y=2: x, lambda x: lambda: x + 1, lambda x: lambda: x + 2,
        lambda: (yield), lambda x: x in {1, 2}, lambda x: x in {1, 3},
    )  # fmt: skip


def in_main(source):
    namespace = {"__name__": "__main__"}
    exec(source, namespace)
    return namespace


def test_functions_of_main_count_their_globals():
    def function(limit, unrelated=0):
        return in_main(
            f"limit = {limit}\nunrelated = {unrelated}\ndef used(x): return x < limit\n"
            "def f(x): return [y for y in x if used(y)]\ndef again(n): return again(n - 1) if n else limit"
        )

    assert all_equal(function(1)["f"], function(1, unrelated=5)["f"])
    assert all_differ(function(1)["f"], function(2)["f"], function(1)["again"], function(2)["again"])


def test_methods():
    a, b = Data(1), Data(2)
    assert all_differ(a.__eq__, b.__eq__, a.__init__, Data.__init__)
    assert all_equal(Data(1).__eq__, Data(1).__eq__)


def test_partials():
    partial = functools.partial
    assert all_equal(partial(inc, 1, by=2), partial(inc, 1, by=2))
    assert all_differ(partial(inc), partial(inc, 1), partial(inc, by=1), partial(max, 1))


def test_cached_functions():
    cached = functools.lru_cache(inc)
    assert tokenize(cached, ensure_deterministic=False) != tokenize(inc)


# --- what users say of their own types


class Own:
    def __init__(self, x, ignored=None):
        self.x, self.ignored = x, ignored

    def __dask_tokenize__(self):
        return self.x


class OtherOwn(Own):
    pass


def test_dask_tokenize():
    assert all_equal(Own(1), Own(1, ignored=threading.Lock()))
    assert all_differ(Own(1), Own(2), OtherOwn(1), Own, OtherOwn, Own([1, {2}]))


def test_register():
    class Mine:
        def __init__(self, x):
            self.x = x

        def __dask_tokenize__(self):
            raise AssertionError("a registered function comes first")

    class Child(Mine):
        pass

    normalize_token.register(Mine, lambda m: ("Mine", m.x))
    try:
        assert all_equal(Mine([1]), Mine([1]), Child([1]))
        assert all_differ(Mine(1), Mine(2))
    finally:
        del normalize_token._lookup[Mine]


def test_normalize_token_inside_a_method():
    class Wrapper:
        def __init__(self, inner):
            self.inner = inner

        def __dask_tokenize__(self):
            return normalize_token(self.inner), tokenize(self.inner)

    assert all_equal(Wrapper([1, {2}]), Wrapper([1, {2}]))
    assert all_differ(Wrapper([1]), Wrapper([2]), Wrapper((1,)))
    with pytest.raises(TokenizationError):
        tokenize(Wrapper([object()]))


# --- what has no token


class Unpicklable:
    def __reduce__(self):
        raise AssertionError


@pytest.mark.parametrize("make", [threading.Lock, object, Unpicklable, lambda: (i for i in ())])
def test_without_a_deterministic_token(make):
    value = make()
    for wrapped in (
        value,
        [value],
        {"a": (1, value)},
        types.SimpleNamespace(x=value),
        functools.partial(inc, value),
    ):
        with pytest.raises(TokenizationError, match="cannot be deterministically hashed"):
            tokenize(wrapped)
    with pytest.raises(TokenizationError):
        normalize_token(value)
    assert issubclass(TokenizationError, RuntimeError)
    with rask.config.set({"tokenize.ensure-deterministic": False}):
        assert tokenize(value) != tokenize(make())
        with pytest.raises(TokenizationError, match="__dask_tokenize__"):
            tokenize(value, ensure_deterministic=True)


def test_object_is_idempotent_and_unlike_any_other():
    sentinel = object()
    with rask.config.set({"tokenize.ensure-deterministic": False}):
        assert tokenize(sentinel) == tokenize(sentinel)
        assert len({tokenize(object()) for _ in range(100)}) == 100
        assert tokenize(Unpicklable()) != tokenize(Unpicklable())
        unpicklable = Unpicklable()
        assert tokenize(unpicklable) != tokenize(unpicklable)


def test_an_inner_tokenize_does_as_the_outer_one():
    class Foo:
        def __dask_tokenize__(self):
            return tokenize(object())

    with pytest.raises(TokenizationError):
        tokenize(Foo(), ensure_deterministic=True)
    assert tokenize(Foo(), ensure_deterministic=False) != tokenize(Foo(), ensure_deterministic=False)


def test_an_error_leaves_nothing_behind():
    with pytest.raises(TokenizationError):
        tokenize(object())
    with rask.config.set({"tokenize.ensure-deterministic": False}):
        assert tokenize(object()) != tokenize(object())


# --- threads and processes


def test_threads():
    value = {i: [i, {"x": (i, "y" * i)}] for i in range(50)}
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: tokenize(value), range(200)))) == 1
        assert len(set(pool.map(lambda _: normalize_token(value), range(200)))) == 1


SCRIPT = """
import sys, enum, dataclasses, functools, datetime, pathlib, random, collections
from rask.tokenize import tokenize

class Color(enum.Enum):
    RED = "r"

@dataclasses.dataclass
class Data:
    names: set
    color: Color

class Abstract(collections.abc.Mapping):
    table = {"k%d" % i for i in range(20)}
    def __getitem__(self, k): return self.table
    def __iter__(self): return iter(self.table)
    def __len__(self): return len(self.table)

limit = 10
def f(x, y=frozenset("abcdef")):
    return x in {"some", "constant", "strings"} or x < limit

values = [
    {c: i for i, c in enumerate("qwertyuiop")}, set("qwertyuiop"), Color.RED, Color, Data, Abstract(),
    Abstract, Data({"a", "b"}, Color.RED), f, lambda x: f(x), functools.partial(f, y={"x", "z"}),
    random.Random(3), pathlib.PurePosixPath("a/b"), datetime.datetime(2021, 1, 1), print, len, sys, [].append,
    Data({"c"}, Color.RED).__repr__,
]
print(tokenize(values, ensure_deterministic=True, **{c: c for c in "zyx"}))
"""


def test_processes_agree():
    folder = os.path.dirname(os.path.dirname(rask.config.__file__))

    def run(seed):
        env = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": folder}
        # Not by -c for all: the file of a function must not count either.
        command = [sys.executable, "-c", SCRIPT] if seed else [sys.executable, "-"]
        done = subprocess.run(command, input=SCRIPT, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert len({run(seed) for seed in range(4)}) == 1


# --- arrays and frames


def test_numpy():
    np = pytest.importorskip("numpy")
    a = np.arange(12)
    assert all_differ(
        a, a.reshape(3, 4), a.reshape(4, 3), a.astype("i4"), a.astype("f8"), a[::2], a[::3], a[:0],
        np.array([]), np.array(1), np.array(2), np.int64(1), np.int32(1), np.float64(1), 1, 1.0,
        np.arange(12).tolist(), a.astype(">i8"), np.array(["2000"], "M8[ns]"), np.array(["2000"], "M8[s]"),
        np.array(["a", "bc"]), np.array(["a", "bc"], dtype=object), np.array(["a", None], dtype=object),
        np.array([a, None], dtype=object), np.array([(1, 2)], dtype="i4,i4"), np.array([(1, 2)],
        dtype="i4,i4")[0], np.array([b""]), np.array([""]), a.view(np.matrix), np.ma.array(a, mask=a > 3),
        np.ma.array(a, mask=a > 4), np.random.RandomState(1), np.random.RandomState(2),
        np.random.default_rng(1), np.sin, np.cos, np.dtype("i4"), np.dtype("i4,i4"), np.bool_(True), True,
    )  # fmt: skip
    assert all_equal(a, np.arange(24)[:12], np.arange(24)[::2] // 2)
    square = np.arange(16).reshape(4, 4)
    assert all_equal(square, np.asfortranarray(square), square.T.copy().T)
    assert all_equal(np.array([["a", 1]], dtype=object), np.array([["a", 1]], dtype=object))
    assert all_equal(np.random.RandomState(1), np.random.RandomState(1))
    with pytest.raises(TokenizationError):
        tokenize(np.frompyfunc(lambda x: x, 1, 1))


def test_numpy_memmap_counts_by_content(tmp_path):
    np = pytest.importorskip("numpy")
    file = tmp_path / "data"
    file.write_bytes(bytes(range(10)))
    mapped = np.memmap(file, dtype="u1", mode="r")
    assert all_equal(mapped, np.arange(10, dtype="u1"))
    assert all_equal(mapped[2:4], np.array([2, 3], dtype="u1"))


def test_pandas():
    pd = pytest.importorskip("pandas")

    def frame(index=(1, 2, 3), **columns):
        columns = {"x": [1, 2, 3], "y": ["a", None, "b"], **columns}
        return pd.DataFrame(columns, index=pd.Index(list(index), name=columns.pop("name", None)))

    assert all_equal(frame(), frame())
    assert all_differ(
        frame(), frame(x=[1, 2, 4]), frame(x=[1.0, 2.0, 3.0]), frame(y=["a", None, "c"]), frame(z=[1, 2,
        3]), frame(index=[1, 2, 4]), frame(name="n"), frame().x, frame().y, frame().x.rename("z"),
        frame().index, frame().columns, pd.Series(["a", "b"], dtype="category"), pd.Series(["a", "b"],
        dtype=object), pd.array([1, None], dtype="Int64"), pd.array([1, 2], dtype="Int64"),
        pd.array(["2000"], dtype="Period[D]"), pd.array([1, 0], dtype="Sparse[int]"),
        pd.Series(pd.date_range("2000", periods=2)), pd.NA, pd.NaT, pd.Series(pd.date_range("2000",
        periods=2, tz="CET")), pd.Timestamp("2000"), pd.Timedelta(1), pd.offsets.Day(1),
        pd.offsets.MonthBegin(2), pd.DateOffset(years=1), pd.DateOffset(days=1), pd.RangeIndex(3),
        pd.RangeIndex(4), pd.RangeIndex(0, 4, 2), pd.Index([0, 1, 2]), pd.MultiIndex.from_product([[1],
        ["a"]]), pd.MultiIndex.from_product([[1], ["b"]]), pd.IntervalIndex.from_breaks([0, 1, 2]),
        pd.CategoricalDtype(["a"]),
    )  # fmt: skip
    wide = pd.DataFrame({"x": [1, 2], "y": [3, 4]})
    apart = pd.DataFrame({"x": [1, 2]})
    apart["y"] = [3, 4]
    assert all_equal(wide, apart)


def test_arrow():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"x": [1, 2, 3], "y": ["a", None, "c"]})
    assert all_equal(table, pa.concat_tables([table.slice(0, 1), table.slice(1)]))
    assert all_equal(pa.array([2, 3]), pa.array([1, 2, 3]).slice(1))
    assert all_differ(
        table, table.slice(1), table.select(["x"]), table.rename_columns(["x", "z"]), table.schema,
        table["x"], table.to_batches()[0], pa.int64(), pa.int32(), pa.struct({"x": pa.int32()}),
        pa.struct({"x": pa.int64()}), pa.array([1, 2]), pa.array([1, 2], pa.int32()), pa.array([1, None]),
        pa.scalar(1), pa.scalar(1, pa.int32()),
    )  # fmt: skip


def test_numba():
    numba = pytest.importorskip("numba")
    assert all_equal(numba.njit(lambda x: x + 1), numba.njit(lambda x: x + 1))
    assert all_differ(
        numba.njit(lambda x: x + 1),
        numba.njit(lambda x: x + 2),
        numba.njit("f8(f8)")(lambda x: x + 1),
        numba.vectorize(lambda x: x + 1),
    )
