"""`rask.core`: what a graph written by hand means."""

from __future__ import annotations

import pickle
from collections import namedtuple
from operator import add, neg

import pytest

from rask.core import (
    flatten,
    get,
    get_dependencies,
    get_deps,
    getcycle,
    isdag,
    ishashable,
    iskey,
    istask,
    keys_in_tasks,
    literal,
    preorder_traversal,
    quote,
    reverse_dict,
    subs,
    toposort,
    validate_key,
)


def inc(x):
    return x + 1


Point = namedtuple("Point", "x y")

# --- what a thing is


def test_ishashable():
    assert ishashable((1, 2)) and ishashable(object())
    assert not ishashable([1]) and not ishashable(([1],))


def test_istask():
    assert istask((inc, 1)) and istask((int,))
    for x in ((), (1, 2), [inc, 1], Point(sum, 2), inc):
        assert not istask(x)


@pytest.mark.parametrize("key", ["x", b"x", 1, 1.5, (), ("x", 1), ("x", (1, ("y",)))])
def test_keys(key):
    assert iskey(key)
    validate_key(key)


@pytest.mark.parametrize("key", [None, True, [1], {1}, object(), ("x", None), ("x", (1, [2])), Point(1, 2)])
def test_no_keys(key):
    assert not iskey(key)
    with pytest.raises(TypeError, match="key type"):
        validate_key(key)


def test_numpy_scalars_are_no_keys():
    np = pytest.importorskip("numpy")
    assert not iskey(np.int64(1)) and not iskey(("x", np.int64(1))) and not iskey(np.float64(1))


def test_validate_key_says_where():
    with pytest.raises(TypeError, match=r"Unexpected key type <class 'list'> \(key=\['x'\]\)"):
        validate_key(["x"])
    with pytest.raises(TypeError, match="index=1"):
        validate_key((2, int))


# --- walking


def test_flatten():
    assert list(flatten(())) == []
    assert list(flatten("foo")) == ["foo"]
    assert list(flatten([[1, (2, [3])], 4], container=(list, tuple))) == [1, 2, 3, 4]
    deep = [1]
    for _ in range(100_000):
        deep = [deep]
    assert list(flatten(deep)) == [1]
    while deep != [1]:
        [deep] = deep


def test_preorder_traversal():
    assert list(preorder_traversal((add, (inc, 1), [2, (inc, 3)]))) == [add, inc, 1, list, 2, inc, 3]


def test_get_dependencies():
    dsk = {
        "x": 1,
        ("p", 0): 2,
        "task": (add, (inc, [["x"]]), ("p", 0)),
        "alias": "x",
        "list": ["x", [(inc, "x")], "zzz"],
        "tuple": ("x", ("p", 0)),
        "set": {"x"},
        "dict": {"x": ("p", 0)},
        "nothing": (inc,),
        "none": None,
        "unhashable": (add, ([1], "x"), {}),
        "namedtuple": Point("x", "x"),
    }
    expected = {
        "x": set(),
        "task": {"x", ("p", 0)},
        "alias": {"x"},
        "list": {"x"},
        "tuple": {"x", ("p", 0)},
        "set": {"x"},
        "dict": {("p", 0)},
        "nothing": set(),
        "none": set(),
        "unhashable": {"x"},
        "namedtuple": set(),
    }
    assert {k: get_dependencies(dsk, k) for k in expected} == expected
    assert get_dependencies(dsk, "list", as_list=True) == ["x", "x"]
    assert get_dependencies(dsk, task=(inc, "x")) == {"x"}
    assert get_dependencies(dsk, task=None) == set()


def test_get_dependencies_of_nothing():
    with pytest.raises(ValueError, match="key or a task"):
        get_dependencies({})
    with pytest.raises(KeyError, match="'nokey' is not a key in the graph"):
        get_dependencies({}, "nokey")


def test_keys_in_tasks_never_compares_values():
    class Unfriendly:
        __hash__ = None

        def __eq__(self, other):
            raise RuntimeError

    assert keys_in_tasks({"x"}, [(add, Unfriendly(), "x")]) == {"x"}


def test_get_deps_and_reverse_dict():
    dependencies, dependents = get_deps({"a": 1, "b": "a", "c": ["b", "zzz", "b"]})
    assert dependencies == {"a": set(), "b": {"a"}, "c": {"b"}}
    assert dependents == {"a": {"b"}, "b": {"c"}, "c": set()}
    assert reverse_dict({"a": [1, 2], "b": (2,)}) == {"a": set(), "b": set(), 1: {"a"}, 2: {"a", "b"}}


# --- order and cycles


def test_toposort():
    dsk = {"d": (add, "c", "b"), "c": (inc, "a"), "b": (inc, "a"), "a": 1}
    assert toposort(dsk) == ["a", "c", "b", "d"]
    assert toposort({"a": 1, "b": 2}, dependencies={"a": {"b"}, "b": set()}) == ["b", "a"]
    with pytest.raises(RuntimeError, match=r"Cycle detected.*x->y->x"):
        toposort({"x": (inc, "y"), "y": (inc, "x")})


def test_getcycle():
    dsk = {"a": ["b"], "b": ["c"], "c": ["a"], "free": 1}
    assert getcycle(dsk, "b") == ["b", "c", "a", "b"]
    assert getcycle(dsk, None)[0] == getcycle(dsk, None)[-1]
    assert getcycle(dsk, ["free"]) == []
    assert getcycle({"a": (inc, "a")}, "a") == ["a", "a"]
    assert isdag(dsk, "free") and not isdag(dsk, ["free", "c"])


def test_getcycle_finds_a_short_one():
    ring = {i: [(i + 1) % 200] for i in range(200)}
    ring[150] = [151, 140]
    assert len(getcycle(ring, 0)) == 12
    ring[0] = [1, 0]
    assert getcycle(ring, 5) == [0, 0]


# --- evaluating


def test_get():
    dsk = {
        "x": 1,
        ("p", 0): (inc, "x"),
        "task": (add, (inc, "x"), ("p", 0)),
        "alias": "task",
        "list": ["x", [("p", 0)], "literal"],
        "tuple": ("x", (inc, "x")),
        "set": {"x"},
        "dict": {"k": "x"},
        "argument": (dict, [["x", "alias"]]),
        "type": (int, "7"),
        "function": inc,
        "empty": (),
        "call": (dict,),
        "namedtuple": Point("x", 2),
    }
    expected = {
        "x": 1,
        ("p", 0): 2,
        "task": 4,
        "alias": 4,
        "list": [1, [2], "literal"],
        "tuple": (1, 2),
        "set": {1},
        "dict": {"k": "x"},
        "argument": {1: 4},
        "type": 7,
        "function": inc,
        "empty": (),
        "call": {},
        "namedtuple": Point("x", 2),
    }
    assert {k: get(dsk, k) for k in expected} == expected
    assert get(dsk, [["x", [("p", 0)]], "task"]) == ((1, (2,)), 4)
    assert get(dsk, []) == ()


def test_get_runs_each_task_once_and_only_what_is_needed():
    calls = []

    def note(*args):
        calls.append(args)
        return len(calls)

    dsk = {"a": (note, "A"), "b": (note, "a"), "c": (add, "a", "b"), "unneeded": (note,)}
    assert get(dsk, ["c", "a"]) == (3, 1)
    assert calls == [("A",), (1,)]


def test_get_with_values_from_elsewhere():
    cache = {"x": 41}
    assert get({"y": (inc, "x")}, ["x", "y"], cache) == (41, 42)
    assert cache == {"x": 41}


def test_get_of_an_absent_key():
    for out in ("nokey", ["x", ["nokey"]], (inc, "x")):
        with pytest.raises(KeyError, match="is not a key in the graph"):
            get({"x": 1}, out)


def test_get_of_a_cycle():
    with pytest.raises(RuntimeError, match=r"Cycle detected.*x->y->x"):
        get({"x": (inc, "y"), "y": (inc, "x")}, "x")
    # What is not needed may be as cyclic as it likes.
    assert get({"a": 1, "x": (inc, "x")}, "a") == 1


def test_get_passes_on_what_a_task_raises():
    with pytest.raises(ZeroDivisionError):
        get({"x": (lambda: 1 / 0,)}, "x")


def test_deep_graphs_and_deep_tasks():
    dsk: dict = {"k0": 1}
    dsk.update({f"k{i}": (neg, f"k{i - 1}") for i in range(1, 30_001)})
    assert get(dsk, "k30000") == 1
    assert toposort(dsk)[-1] == "k30000"
    task: object = "k0"
    for _ in range(10_001):
        task = (neg, task)
    assert get({**dsk, "deep": task}, "deep") == -1
    assert get_dependencies(dsk, task=task) == {"k0"}
    assert get({"deep": subs(task, "k0", 5)}, "deep") == -5
    dsk["k0"] = (neg, "k30000")
    with pytest.raises(RuntimeError, match=r"k0->k30000->.*->…->.*->k0"):
        toposort(dsk)


# --- quoting and replacing


@pytest.mark.parametrize("x", [[1, "x"], (add, 1, 2), [1, (inc, "x")], {"x": "x"}, {"x"}, 5, "free"])
def test_quote(x):
    assert get({"x": 1, "q": quote(x)}, "q") == x
    assert get({"x": 1, "q": (list, [quote(x)])}, "q") == [x]


def test_literal_pickles():
    assert pickle.loads(pickle.dumps(literal((add, 1, 2)))).data == (add, 1, 2)
    assert repr(literal([1])) == "literal<type=list>"


def test_subs():
    assert subs((inc, "x"), "x", 1) == (inc, 1)
    assert subs((sum, [1, ["x"], ("x", (inc, "x"))]), "x", 2) == (sum, [1, [2], (2, (inc, 2))])
    assert subs("x", "x", 1) == 1
    assert subs((id, (1.2, "foo", (3,))), (1.2, "foo", (3,)), 1) == (id, 1)
    assert subs((inc, True), 1, 2) == (inc, True)
    assert subs((dict, {"x": "x"}), "x", 1) == (dict, {"x": "x"})
    given = (sum, ["x"])
    subs(given, "x", 1)
    assert given == (sum, ["x"])


def test_subs_never_compares_values():
    class Unfriendly:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    x = Unfriendly()
    assert subs(x, "x", 1) is x
    assert subs((add, x, "x"), "x", 1)[1] is x
