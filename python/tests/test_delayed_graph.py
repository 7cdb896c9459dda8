"""Lazy values: what a call records, what keys it gets, and what graph is sent.

Graphs are run by `compute_inline`, which reads the very chunks that a cluster would get.
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import functools
import gc
import inspect
import operator
import pickle
import threading
import weakref

import cloudpickle
import pytest
from rask._core import compute_inline, delayed_from_graph, describe_build, graph_picture

import rask.config
from rask import delayed
from rask._serialize import SerializationError
from rask.annotations import annotate
from rask.delayed import Delayed, DelayedAttr, DelayedLeaf


def compute(value, **kwargs):
    return compute_inline([value], **kwargs)[0]


def inc(x):
    return x + 1


def add(x, y=0):
    return x + y


def same(x):
    return x


lazy_inc, lazy_add, lazy_same = delayed(inc), delayed(add), delayed(same)

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Record:
    a: object
    b: object = 2


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: object


# --- wrapping and calling


def test_calls_are_recorded_and_run():
    x = lazy_inc(1)
    assert type(x) is Delayed
    assert compute(x) == 2
    assert compute(lazy_add(x, y=lazy_inc(x))) == 5


def test_values_can_be_wrapped():
    for value in (3, "a", None, [1, 2], {"k": (1,)}, inc):
        wrapped = delayed(value)
        assert type(wrapped) is DelayedLeaf
        assert compute(wrapped) == value
        assert compute(lazy_same(wrapped)) == value


def test_wrapping_again_changes_nothing():
    x = lazy_inc(1)
    assert delayed(x) is x
    assert delayed(x, name="other", pure=True) is x
    assert delayed(lazy_inc) is lazy_inc


def test_decorators_with_and_without_arguments():
    @delayed
    def plain(x):
        """What it does."""
        return x

    @delayed(pure=True, nout=2)
    def two(x):
        return x, x + 1

    assert compute(plain(1)) == 1
    assert plain.__name__ == "plain"
    assert plain.__doc__ == "What it does."
    assert plain.__wrapped__(5) == 5
    first, second = two(1)
    assert compute_inline([first, second]) == [1, 2]
    assert len(two(1)) == 2
    assert two(1).key == two(1).key
    assert list(inspect.signature(delayed).parameters) == ["obj", "name", "pure", "nout", "traverse"]


def test_methods_can_be_decorated():
    class Account:
        def __init__(self, balance):
            self.balance = balance

        @delayed
        def plus(self, amount):
            return self.balance + amount

    account = Account(10)
    assert compute(account.plus(5)) == 15
    assert type(Account.plus) is DelayedLeaf


def test_calls_of_lazy_values():
    assert compute(delayed(functools.partial(inc, 1))()) == 2
    make = delayed(lambda n: lambda x: x + n)
    assert compute(make(1)(2)) == 3


def test_nout_must_be_a_length():
    for wrong in (-1, "a", True, 1.0):
        with pytest.raises(ValueError, match="nout must be None or a non-negative integer"):
            delayed(inc, nout=wrong)
    assert list(delayed(inc, nout=0)(1)) == []


# --- attributes, items, operators


def test_attributes_and_methods():
    z = delayed(lambda: 3 + 4j)()
    assert type(z.real) is DelayedAttr
    assert compute(z.real) == 3
    assert compute(delayed("abc").upper()) == "ABC"
    assert compute(delayed([1, 2]).index(lazy_inc(1))) == 1
    assert compute(delayed("a{x}").format(x=lazy_inc(1))) == "a2"
    assert z.real.key == z.real.key
    assert delayed("abc").upper().key.startswith("upper-")


def test_private_attributes_are_refused():
    with pytest.raises(AttributeError, match="Attribute _private not found"):
        _ = lazy_inc(1)._private
    assert not hasattr(lazy_inc(1), "__len_hint__")
    with pytest.warns(UserWarning, match="visualize"):
        _ = lazy_inc(1).visualise


def test_items():
    x = delayed([[1, 2], 3])
    assert compute(x[0][1]) == 2
    assert compute(x[lazy_inc(0)]) == 3
    assert compute(delayed(list(range(10)))[lazy_inc(1) : 6 : 2]) == [2, 4]


OPERATORS = "add sub mul truediv floordiv mod pow lshift rshift and_ or_ xor lt le eq ne gt ge"


@pytest.mark.parametrize("name", OPERATORS.split())
def test_binary_operators_on_both_sides(name):
    function = getattr(operator, name)
    a, b = 13, 3
    for first, second in [(delayed(a), b), (a, delayed(b)), (delayed(a), delayed(b))]:
        result = function(first, second)
        assert type(result) is Delayed
        assert compute(result) == function(a, b)
        assert result.key == function(first, second).key


def test_other_operators():
    x = delayed(-3)
    assert compute_inline([abs(x), -x, ~x, +x]) == [3, 3, 2, -3]
    assert compute(pow(delayed(2), 3, 5)) == 3

    class Matrix:
        def __matmul__(self, other):
            return "product"

    assert compute(delayed(Matrix()) @ 1) == "product"
    assert compute(sum([lazy_inc(1), lazy_inc(2)])) == 5


def test_what_lazy_values_refuse():
    x = lazy_inc(1)
    with pytest.raises(TypeError, match="Truth of Delayed objects is not supported"):
        bool(x)
    with pytest.raises(TypeError, match="Truth"):
        min(x, x)
    with pytest.raises(TypeError, match="not iterable"):
        iter(x)
    with pytest.raises(TypeError, match="not iterable"):
        3 in x  # noqa: B015
    with pytest.raises(TypeError, match=r"no len\(\)"):
        len(x)
    with pytest.raises(TypeError, match="immutable"):
        x.y = 1
    with pytest.raises(TypeError, match="immutable"):
        x[0] = 1
    with pytest.raises(TypeError, match="immutable"):
        lazy_inc.y = 1
    for convert in (int, float, range):
        with pytest.raises(TypeError):
            convert(x)


def test_hash_and_repr_are_the_keys():
    x = lazy_inc(1)
    assert hash(x) == hash(x.key)
    assert repr(x) == f"Delayed({x.key!r})"
    assert {x: 1}[x] == 1
    assert x in [x]
    assert "compute" in dir(x) and "key" in dir(x)


# --- what is captured


@pytest.mark.parametrize(
    "make",
    [
        lambda x: [x, 1],
        lambda x: (x, [x]),
        lambda x: {x, 5},
        lambda x: {"k": x, x: [{"deep": (x,)}]},
        lambda x: slice(x, 5, None),
        lambda x: Point(x, [x]),
        lambda x: Record(x),
        lambda x: Record([x], {"k": x}),
        lambda x: Frozen(x),
        lambda x: [Record(Point(x, 1)), 2],
    ],
)
def test_lazy_values_inside_containers_are_replaced(make):
    x = lazy_inc(1)
    assert compute(lazy_same(make(x))) == make(2)
    assert compute(delayed(make(x))) == make(2)
    assert compute(delayed(lambda *, k: k)(k=make(x))) == make(2)


def test_iterators_are_used_up():
    x = lazy_inc(1)
    assert compute(lazy_same(iter([x, 2]))) == [2, 2]
    assert compute(lazy_same(iter((x, 2)))) == (2, 2)


def test_other_containers_are_not_looked_into():
    for container in (collections.OrderedDict(a=lazy_inc(1)), collections.deque([lazy_inc(1)])):
        (inside,) = (
            compute(lazy_same(container)).values()
            if isinstance(container, dict)
            else compute(lazy_same(container))
        )
        assert type(inside) is Delayed


def test_without_traverse_lists_are_values():
    x = lazy_inc(1)
    wrapped = delayed([x], traverse=False)
    assert type(wrapped) is DelayedLeaf
    assert describe_build([wrapped])["tasks"] == 1


def test_dataclasses_that_cannot_be_made_again():
    @dataclasses.dataclass
    class Computed:
        a: object
        b: object = dataclasses.field(init=False, default=7)

    @dataclasses.dataclass(init=False)
    class OwnInit:
        a: object

        def __init__(self):
            self.a = lazy_inc(1)

    with pytest.raises(ValueError, match="init=False"):
        lazy_same(Computed(lazy_inc(1)))
    with pytest.raises(TypeError, match="__init__"):
        lazy_same(OwnInit())
    assert compute(lazy_same(Computed(1))) == Computed(1)


def test_objects_are_captured_when_the_graph_is_computed():
    plain, with_lazy = [1], [lazy_inc(1)]
    first, second = lazy_same(plain), lazy_same(with_lazy)
    plain.append(2)
    with_lazy.append(2)
    assert compute(first) == [1, 2]
    assert compute(second) == [2]  # taken apart at the call


def test_computing_twice_gives_the_same():
    def append(items, item):
        items.append(item)
        return items

    lazy = delayed(append)(delayed(append)([0], 1), 2)
    assert compute(lazy) == [0, 1, 2]
    assert compute(lazy) == [0, 1, 2]


def test_an_object_twice_in_one_call_is_one_object():
    shared = [1]
    first, second = compute(delayed(lambda a, b: (a, b))(shared, shared))
    assert first == [1] and first is second
    inner = compute(delayed(lambda a, b: (a, b))([shared], {"k": shared}))
    assert inner[0][0] is inner[1]["k"]


def test_a_container_that_contains_itself():
    loop = [1]
    loop.append(loop)
    back = compute(lazy_same(loop))
    assert back[1] is back
    loop.append(lazy_inc(1))
    with pytest.raises(RecursionError, match="contains itself"):
        lazy_same(loop)


def test_large_shared_objects_are_sent_once():
    big = b"x" * 200_000
    calls = [delayed(lambda b, i: len(b) + i)(big, i) for i in range(10)]
    described = describe_build(calls)
    assert described["tasks"] == 11
    assert described["classes"][0] == "bytes"
    assert compute_inline(calls) == [200_000 + i for i in range(10)]


def test_wide_calls_count_each_lazy_value_once():
    x = [lazy_inc(i) for i in range(50)]
    total = delayed(sum)(x + x + [Record, 0][1:])
    assert compute(total) == 2 * sum(range(1, 51))
    assert describe_build([total])["tasks"] == 51
    assert len(describe_build([total])["deps"][-1]) == 50


def test_python_code_that_runs_while_a_wide_call_is_captured():
    class Meddles:
        """Looking at it records another wide call, over the same values."""

        @property
        def __dataclass_fields__(self):
            raise AttributeError

        def __dask_graph__(self):
            delayed(sum)(values)

    values = [lazy_inc(i) for i in range(20)]
    call = delayed(lambda items: sum(items[:20]) + sum(items[21:]))([*values, Meddles(), *values])
    deps = describe_build([call])["deps"]
    assert max(map(len, deps)) == 20


# --- keys


def test_keys_are_the_functions_name_and_a_token():
    prefix, token = lazy_inc(1).key.rsplit("-", 1)
    assert prefix == "inc" and len(token) == 32
    assert delayed(lambda x: x)(1).key.startswith("lambda-")
    assert delayed(functools.partial(inc, 1))().key.startswith("inc-")
    assert delayed([lazy_inc(1)]).key.startswith("list-")
    assert delayed(3).key.startswith("int-")
    assert lazy_inc.key.startswith("inc-")


def test_impure_calls_have_keys_of_their_own():
    assert lazy_inc(1).key != lazy_inc(1).key
    x = lazy_inc(1)
    assert x.key == x.key


def test_pure_calls_share_keys():
    pure = delayed(inc, pure=True)
    assert pure(1).key == pure(1).key == delayed(inc, pure=True)(1).key == lazy_inc(1, pure=True).key
    assert pure(1).key != pure(1.0).key != pure(2).key
    assert pure([1, {"b": {2, 3}}]).key == pure([1, {"b": {3, 2}}]).key
    x = lazy_inc(1)
    assert pure(x).key == pure(x).key != pure(lazy_inc(1)).key
    assert pure(1, pure=False).key != pure(1, pure=False).key
    assert delayed(3, pure=True).key == delayed(3, pure=True).key


def test_purity_by_configuration():
    with rask.config.set(delayed_pure=True):
        assert lazy_inc(1).key == lazy_inc(1).key
        assert delayed(inc, pure=False)(1).key != delayed(inc, pure=False)(1).key
    assert lazy_inc(1).key != lazy_inc(1).key


def test_keys_can_be_given():
    for key in ("mine", ("x", 1, ("y", 2.5)), 5, b"k"):
        assert lazy_inc(1, dask_key_name=key).key == key
        assert lazy_inc(1, rask_key_name=key).key == key
    assert delayed(inc, name="wrapped").key == "wrapped"
    assert delayed(inc, name="wrapped")(1).key.startswith("inc-")
    assert lazy_inc(1, dask_key_name=None).key.startswith("inc-")
    with pytest.raises(TypeError, match="key"):
        lazy_inc(1, dask_key_name=[1])


def test_equal_keys_are_one_task():
    pure = delayed(inc, pure=True)
    total = delayed(sum)([pure(1), pure(1), pure(2)])
    assert compute(total) == 7
    assert describe_build([total])["tasks"] == 3
    x = lazy_inc(1)
    assert describe_build([(x + 1) * (x + 1)])["tasks"] == 3
    assert compute((x + 1) * (x + 1)) == 9


def test_a_task_may_not_depend_on_one_with_its_own_key():
    with pytest.raises(RuntimeError, match="Cycle"):
        compute(lazy_inc(lazy_inc(1, dask_key_name="a"), dask_key_name="a"))


def test_keys_that_nobody_looked_at_cost_nothing_and_stay():
    x = lazy_inc(1)
    assert describe_build([x])["runs"] == [("inc", "session", 1)]
    key = x.key
    assert describe_build([x])["runs"] == [("inc", "token", 1)]
    assert x.key == key


# --- the collection protocol


def test_dask_gives_the_layered_graph():
    x = lazy_inc(1, dask_key_name="x")
    y = lazy_add(x, y=[x, 2], dask_key_name="y")
    graph = y.dask
    assert list(graph.layers) == ["x", "y"]
    assert graph.dependencies == {"x": set(), "y": {"x"}}
    assert graph["x"] == (inc, 1)
    assert y.__dask_keys__() == ["y"]
    assert y.__dask_layers__() == ("y",)
    assert y.__dask_tokenize__() == "y"
    finalize, args = y.__dask_postcompute__()
    assert finalize([5], *args) == 5


def test_graphs_compute_to_the_same_as_their_values():
    from rask.core import get

    x = lazy_inc(1)
    for value in [
        lazy_add(x, y=x),
        lazy_same([x, (x, {"k": [x]}), slice(x)]),
        lazy_same(["text", [1], (abs, 1)]),
        delayed([1, 2]),
        delayed((abs, -1)),
        x.real + 1,
        delayed("ab").upper(),
        lazy_same(Record(x)),
    ]:
        expected = compute(value)
        graph = dict(value.dask)
        assert get(graph, value.key) == expected
        assert compute(Delayed(value.key, graph)) == expected


def test_persisted_values_are_rebuilt_on_other_graphs():
    x = lazy_inc(1)
    rebuild, args = x.__dask_postpersist__()
    done = rebuild({x.key: 2}, *args)
    assert done.key == x.key
    assert compute(done + 1) == 3
    renamed = rebuild({"new": 5}, *args, rename={x.key: "new"})
    assert renamed.key == "new" and compute(renamed) == 5


def test_optimize_culls():
    x = lazy_inc(1)
    y = lazy_inc(x)
    graph = y.__dask_optimize__(y.dask, x.__dask_keys__())
    assert list(graph) == [x.key]


def test_annotations_in_force_are_recorded():
    with annotate(priority=3, retries=2, workers=["a", "b"], allow_other_workers=True, resources={"GPU": 1}):
        x = lazy_inc(1)
    y = lazy_inc(x)
    described = describe_build([y])
    assert described["class_options"] == [(3, 2, ["a", "b"], True), (0, 0, [], False)]
    assert described["class_resources"] == [[("GPU", 1.0)], []]
    assert y.dask.layers[x.key].annotations["priority"] == 3
    assert y.dask.layers[y.key].annotations is None


def test_annotations_may_depend_on_the_key():
    with annotate(priority=lambda key: int(key[-1])):
        calls = [lazy_inc(1, dask_key_name=f"k-{n}") for n in range(3)]
    assert [options[0] for options in describe_build(calls)["class_options"]] == [0, 1, 2]


class Collection:
    """A collection of two keys, as array or bag would have more."""

    def __init__(self, n):
        self.n = n

    def __dask_graph__(self):
        return {("c", 0): (inc, self.n), ("c", 1): (inc, ("c", 0))}

    def __dask_keys__(self):
        return [("c", 0), [("c", 1)]]

    def __dask_postcompute__(self):
        return (lambda parts, extra: (parts, extra)), ("extra",)


def test_other_collections_are_finalized():
    assert compute(lazy_same([Collection(1), 5])) == [([2, [3]], "extra"), 5]
    assert compute(delayed(Collection(1))) == ([2, [3]], "extra")


# --- graphs in Python


def run_graph(graph, key):
    return compute(delayed_from_graph(graph, [key])[0])


def test_graph_dicts():
    graph = {
        "a": 1,
        "b": (inc, "a"),
        "c": (add, "b", (inc, (inc, "a"))),
        "d": (sum, ["a", "b", (inc, 10)]),
        "e": "d",
        ("t", 0): (same, [("t", 1), "a", {"a": 1}, "text"]),
        ("t", 1): (same, ("b", "c")),
        "f": ["a", ["b"]],
        "g": (dict, [["k", "a"], ["l", (inc, "b")]]),
        "h": lazy_inc(41),
        "i": (inc, "h"),
    }
    assert run_graph(graph, "a") == 1
    assert run_graph(graph, "c") == 5
    assert run_graph(graph, "d") == 14
    assert run_graph(graph, "e") == 14
    assert run_graph(graph, ("t", 0)) == [(2, 5), 1, {"a": 1}, "text"]
    assert run_graph(graph, "f") == [1, [2]]
    assert run_graph(graph, "g") == {"k": 1, "l": 3}
    assert run_graph(graph, "i") == 43


def test_nested_calls_are_one_task():
    graph = {"a": 1, "b": (add, (inc, (inc, "a")), (inc, "a"))}
    (b,) = delayed_from_graph(graph, ["b"])
    assert compute(b) == 5
    assert describe_build([b])["tasks"] == 2


def test_nesting_costs_no_recursion():
    task = (inc, 0)
    for _ in range(60):
        task = (inc, task)
    assert run_graph({"a": task}, "a") == 61


def test_keyword_arguments_in_graphs():
    from rask._tasks import apply

    graph = {
        "a": 1,
        "b": (apply, add, ["a"], {"y": (inc, "a")}),
        "c": (apply, add, ["a"], (dict, [["y", "b"]])),
    }
    assert run_graph(graph, "b") == 3
    assert run_graph(graph, "c") == 4


def test_task_objects_in_graphs():
    class Task:
        def __init__(self, function, *dependencies):
            self.function = function
            self.dependencies = set(dependencies)

        def __call__(self, values):
            return self.function(*(values[key] for key in sorted(self.dependencies)))

    graph = {"a": 1, "b": Task(inc, "a"), "c": Task(add, "a", "b"), "d": (inc, Task(inc, "c"))}
    assert run_graph(graph, "c") == 3
    assert run_graph(graph, "d") == 5


def test_bad_graphs():
    with pytest.raises(RuntimeError, match="a->b->a"):
        run_graph({"a": (inc, "b"), "b": (inc, "a")}, "a")
    with pytest.raises(KeyError, match="missing"):
        run_graph({"a": 1}, "missing")


def test_a_key_that_nobody_needs_is_not_run():
    def fail():
        raise AssertionError("it ran")

    assert run_graph({"a": 1, "b": (fail,)}, "a") == 1


# --- graphs at size


def test_order_is_depth_first_where_it_matters():
    pairs = [lazy_add(lazy_inc(i), lazy_inc(i)) for i in range(10)]
    deps = describe_build([delayed(sum)(pairs)])["deps"]
    # Each sum runs as soon as its two are there.
    assert all(max(below) - min(below) == 1 for below in deps[:-1] if below)


def test_fused_chains():
    x = lazy_inc(1)
    for _ in range(5):
        x = lazy_inc(lazy_add(x, [1, 2][0]))
    y = lazy_add(x, lazy_inc(lazy_inc(0)))
    described = describe_build([y], fuse=True)
    assert described["tasks"] == 3
    assert sorted(map(len, described["deps"])) == [0, 0, 2]
    assert compute(y, fuse=True) == compute(y) == 14
    assert describe_build([lazy_add(x, x)], fuse=True)["tasks"] == 1
    middle = lazy_inc(1)
    end = lazy_inc(lazy_inc(middle))
    assert compute_inline([middle, end], fuse=True) == [2, 4]


def test_deep_chains_need_no_stack():
    x = lazy_inc(0)
    for _ in range(100_000):
        x = lazy_inc(x)
    assert describe_build([x])["tasks"] == 100_001
    assert compute(x) == 100_001
    x.key  # noqa: B018
    pickled = pickle.dumps(x)
    assert pickle.loads(pickled).key == x.key
    del x


def test_the_key_of_a_deep_pure_chain():
    x = delayed(0)
    for _ in range(20_000):
        x = x + 1
    assert x.key.startswith("add-")
    assert compute(x) == 20_000


def test_sum_of_many():
    assert compute(sum(lazy_inc(i) for i in range(20_000))) == sum(range(1, 20_001))


def test_large_graphs_come_in_chunks():
    described = describe_build([delayed(sum)([lazy_inc(i) for i in range(50_000)])])
    assert sum(described["chunks"]) == 50_001
    assert max(described["chunks"]) <= 16 * 1024
    assert described["functions"] == 2


# --- errors


def test_errors_name_the_task_and_the_path():
    call = lazy_same([{"lock": threading.Lock()}], dask_key_name="mine")
    with pytest.raises(
        SerializationError, match=r"task 'mine': cannot pickle args\[0\]\[0\]\['lock'\]: _thread\.lock"
    ):
        compute(call)
    with pytest.raises(SerializationError, match=r"the function '.*bad'.*lock"):
        lock = threading.Lock()

        def bad():
            return lock

        compute(delayed(bad)())


def test_what_a_task_raises_comes_out():
    with pytest.raises(ZeroDivisionError):
        compute(delayed(operator.truediv)(1, 0))


# --- pickling and memory


def test_lazy_values_travel():
    x = lazy_inc(1)
    y = lazy_add(x, y=[x, 2][0])
    for value in (x, y, lazy_inc, y.real, delayed([x]), Delayed("a", {"a": (inc, 1)}), x + 1):
        for back in (
            pickle.loads(pickle.dumps(value)),
            cloudpickle.loads(cloudpickle.dumps(value)),
            copy.copy(value),
        ):
            assert type(back) is type(value)
            assert back.key == value.key
            if value is not lazy_inc:
                assert compute(back) == compute(value)
    assert compute(pickle.loads(pickle.dumps(lazy_inc))(1)) == 2


def test_reference_cycles_are_collected():
    class Holder:
        pass

    holder = Holder()
    holder.lazy = lazy_same(holder)
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None

    def make():
        @delayed
        def recursive(n):
            return recursive

        return weakref.ref(recursive.__wrapped__)

    gone = make()
    gc.collect()
    assert gone() is None


def test_lazy_values_without_objects_are_not_tracked():
    assert not gc.is_tracked(lazy_inc(1))
    assert not gc.is_tracked(lazy_add(lazy_inc(1), "a"))
    assert gc.is_tracked(lazy_inc([1]))


def test_dropping_a_lazy_value_frees_what_it_captured():
    class Captured:
        pass

    captured = Captured()
    gone = weakref.ref(captured)
    x = lazy_same(lazy_same(captured))
    del captured
    assert gone() is not None
    del x
    assert gone() is None


# --- pictures


def test_pictures():
    x, y = lazy_inc(1, dask_key_name="x"), delayed([1, 2], name="data")
    picture = graph_picture([lazy_add(x, y=[x, y], dask_key_name=("z", 0, 1))])
    nodes = [(node["label"], node["shape"], node["key"]) for node in picture["nodes"]]
    assert sorted(nodes, key=str) == sorted(
        [
            ("inc", "circle", "x"),
            ("", "box", "x"),
            ("", "box", "data"),
            ("add", "circle", ("z", 0, 1)),
            ("0, 1", "box", ("z", 0, 1)),
        ],
        key=str,
    )
    edges = {(nodes[a][:2], nodes[b][:2]) for a, b in picture["edges"]}
    assert edges == {
        (("inc", "circle"), ("", "box")),
        (("", "box"), ("add", "circle")),
        (("add", "circle"), ("0, 1", "box")),
    }
    assert [nodes[at][2] for at in picture["outputs"]] == [("z", 0, 1)]
    assert [key for key, _, _ in picture["tasks"]] == ["x", "data", ("z", 0, 1)]
