"""`rask.highlevelgraph`: layers, culling, merging, and graphs as long as they come."""

from __future__ import annotations

import copy
import pickle
import sys
import types
import xml.etree.ElementTree as ET
from collections.abc import Set

import pytest

from rask import highlevelgraph
from rask.annotations import annotate
from rask.core import get
from rask.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer


def inc(x):
    return x + 1


class Collection:
    def __init__(self, name, graph):
        self.name, self.graph = name, graph

    def __dask_graph__(self):
        return self.graph

    def __dask_layers__(self):
        return (self.name,)


class Lazy(Layer):
    """A layer that makes its tasks when it must, and counts how often it did."""

    def __init__(self, name, count):
        super().__init__()
        self.name, self.count, self.made = name, count, 0

    def is_materialized(self):
        return self.made > 0

    def get_output_keys(self):
        return {(self.name, i) for i in range(self.count)}

    def __contains__(self, key):
        return key in self.get_output_keys()

    def __getitem__(self, key):
        if key not in self:
            raise KeyError(key)
        self.made += 1
        return (inc, key[1])

    def __iter__(self):
        return ((self.name, i) for i in range(self.count))

    def __len__(self):
        return self.count


@pytest.fixture
def graph():
    return HighLevelGraph(
        {"a": {"x": 1, ("a", 0): (inc, "x"), "unused": 2}, "b": {"b": (inc, ("a", 0))}},
        {"a": set(), "b": {"a"}},
    )


def test_as_a_mapping(graph):
    assert list(graph) == ["x", ("a", 0), "unused", "b"]
    assert dict(graph) == graph.to_dict() == dict(graph.items())
    assert isinstance(graph.keys(), Set) and list(graph.values()) == [graph[k] for k in graph]
    assert len(graph) == 4 and "x" in graph and "nokey" not in graph
    assert get(graph, "b") == 3
    assert all(isinstance(layer, MaterializedLayer) for layer in graph.layers.values())


def test_getitem(graph):
    assert graph["b"] == (inc, ("a", 0))
    assert graph["a", 0] == (inc, "x")
    assert graph["unused"] == 2
    for key in ("nokey", "a", "", 1, ()):
        with pytest.raises(KeyError):
            graph[key]
    for key in ([], ([],)):
        with pytest.raises(TypeError):
            graph[key]


def test_looking_does_not_materialize():
    lazy = Lazy("z", 3)
    graph = HighLevelGraph({"z": lazy, "y": {"y": ("z", 0)}}, {"z": set(), "y": {"z"}})
    assert len(graph) == 4
    assert ("z", 1) in graph.get_all_external_keys()
    assert "Lazy" in graph._repr_html_()
    assert lazy.made == 0
    culled = graph.cull(["y"])
    assert list(culled) == [("z", 0), "y"]
    # Once for its dependencies and once to keep it; the two tasks not needed were never made.
    assert lazy.made == 2


def test_dependencies(graph):
    assert graph.dependents == {"a": {"b"}, "b": set()}
    assert graph.get_all_dependencies() == {"x": set(), ("a", 0): {"x"}, "unused": set(), "b": {("a", 0)}}
    assert graph.key_dependencies["b"] == {("a", 0)}
    assert graph.get_all_external_keys() == set(graph)


def test_copy(graph):
    graph.get_all_dependencies()
    other = graph.copy()
    for name in ("layers", "dependencies", "key_dependencies"):
        assert getattr(graph, name) == getattr(other, name)
        assert getattr(graph, name) is not getattr(other, name)
    assert other == graph
    assert pickle.loads(pickle.dumps(graph)) == graph
    assert copy.deepcopy(graph) == graph


# --- culling


def test_cull(graph):
    culled = graph.cull([[["b"]]])
    assert dict(culled) == {"x": 1, ("a", 0): (inc, "x"), "b": (inc, ("a", 0))}
    assert culled.layers["b"] is graph.layers["b"]
    assert culled.dependencies == {"a": set(), "b": {"a"}}
    assert list(culled.layers) == ["a", "b"]
    culled.validate()
    assert list(graph.cull({"x"}).layers) == ["a"]
    assert dict(graph.cull("x")) == {"x": 1}
    assert dict(graph.cull(["nokey"])) == {}
    assert len(graph) == 4


def test_cull_keeps_annotations():
    layer = MaterializedLayer({"a": 42, "b": 3.14}, annotations={"foo": "bar"})
    culled, _ = layer.cull({"a"}, [])
    assert dict(culled) == {"a": 42} and culled.annotations == {"foo": "bar"}


def test_cull_trusts_tasks_more_than_declared_dependencies():
    graph = HighLevelGraph({"b": {"b": "a1"}, "a": {"a1": "a2", "a2": 1}}, {"b": set(), "a": set()})
    assert set(graph.cull(["b"])) == {"b", "a1", "a2"}
    assert set(HighLevelGraph(dict(reversed(graph.layers.items())), graph.dependencies).cull(["b"])) == {
        "b",
        "a1",
        "a2",
    }


def test_parts_of_one_graph_can_be_merged_again():
    graph = HighLevelGraph({"a": {"x": 1, "y": (inc, "x"), "z": (inc, "x")}}, {"a": set()})
    merged = HighLevelGraph.merge(graph.cull(["y"]), graph.cull(["z"]))
    assert dict(merged) == dict(graph)
    assert len(HighLevelGraph.merge(graph, graph)) == 3
    assert HighLevelGraph.merge(graph, graph).layers["a"] is graph.layers["a"]


def test_cull_layers():
    graph = HighLevelGraph(
        {name: {name: 1} for name in "abcde"},
        {"a": {"d", "e"}, "b": {"d"}, "c": set(), "d": set(), "e": set()},
    )
    culled = graph.cull_layers(["a", "b"])
    assert list(culled.layers) == ["a", "b", "d", "e"]
    for name in culled.layers:
        assert culled.layers[name] is graph.layers[name]
        assert culled.dependencies[name] is graph.dependencies[name]
    with pytest.raises(KeyError, match="nolayer"):
        graph.cull_layers(["nolayer"])


# --- making


def test_from_collections(graph):
    plain = {"p": 1}
    made = HighLevelGraph.from_collections(
        "new", {"new": (max, "b", "p")}, [Collection("b", graph), Collection("p", plain)]
    )
    assert list(made.layers)[-1] == "new" and {"a", "b"} < made.layers.keys()
    assert get(made, "new") == 3
    made.validate()
    assert made.dependencies["new"] == {"b", str(id(plain))}
    for nonsense in (5, Collection, Collection("x", None)):
        with pytest.raises(TypeError, match="no collection"):
            HighLevelGraph.from_collections("new", {}, [nonsense])


def test_merge(graph):
    merged = HighLevelGraph.merge({"q": 1}, graph, {"r": 2})
    assert set(merged) == {"q", "r", *graph}
    merged.validate()
    with pytest.raises(TypeError, match="a graph is a mapping"):
        HighLevelGraph.merge(graph, 5)
    assert dict(HighLevelGraph.merge()) == {}


def test_annotations_are_those_around():
    with annotate(priority=1):
        around = HighLevelGraph({"a": {"a": 1}}, {"a": set()}).layers["a"]
        own = MaterializedLayer({"a": 1}, annotations={"retries": 2})
    assert around.annotations == {"priority": 1}
    assert own.annotations == {"retries": 2}
    assert MaterializedLayer({}).annotations is None


# --- validating


@pytest.mark.parametrize(
    ("layers", "dependencies", "key_dependencies", "message"),
    [
        ({"a": {}}, {}, None, "layers without dependencies"),
        ({"a": {}}, {"a": {"z"}}, None, "'z', which 'a' depends on, not found"),
        ({"a": {}}, {"a": set(), "c": set()}, None, r"dependencies\['c'\] not found in layers"),
        ({"a": {"x": "y"}, "b": {"y": 1}}, {"a": set(), "b": set()}, None, r"incorrect dependencies\['a'\]"),
        ({"a": {"x": 1}, "b": {"y": 1}}, {"a": {"b"}, "b": set()}, None, r"incorrect dependencies\['a'\]"),
        ({"a": {"x": "y"}, "b": {"y": "x"}}, {"a": {"b"}, "b": {"a"}}, None, "depend on each other.*Cycle"),
        ({"a": {"x": 1}}, {"a": set()}, {"x": {"y"}}, r"incorrect key_dependencies\['x'\]"),
    ],
)
def test_validate(layers, dependencies, key_dependencies, message):
    with pytest.raises(ValueError, match=message):
        HighLevelGraph(layers, dependencies, key_dependencies).validate()


# --- showing


def test_repr(graph):
    lines = repr(graph).splitlines()
    assert lines[0] == "HighLevelGraph with 2 layers."
    assert lines[1].startswith("<rask.highlevelgraph.HighLevelGraph object at 0x")
    assert lines[2:] == [" 0. a", " 1. b"]


def test_html(graph):
    html = graph._repr_html_()
    assert ET.fromstring(html) is not None
    for expected in ("2 layers", "4 keys", "MaterializedLayer", "depends on"):
        assert expected in html
    assert ET.fromstring(graph.layers["a"]._repr_html_()) is not None


def test_html_escapes_everything():
    evil = "</td><script>alert('1')</script>\"&\x00\x1b\ud83d"
    layer = MaterializedLayer({evil: 1}, annotations={evil: evil}, collection_annotations={evil: [evil]})
    html = HighLevelGraph({evil: layer, "b": {}}, {evil: {"b"}, "b": set()})._repr_html_()
    assert "<script" not in html and "alert(&#x27;1&#x27;)" in html
    assert ET.fromstring(html.encode()) is not None
    assert ET.fromstring(layer._repr_html_(evil, evil, [evil])) is not None


def test_html_of_long_graphs_and_long_values_stays_short():
    layers = {f"l{i}": {f"l{i}": i} for i in range(1000)}
    layers["l0"] = MaterializedLayer({"l0": 0}, annotations={"note": "x" * 10**6})
    graph = HighLevelGraph(layers, {name: set() for name in layers})
    assert len(graph._repr_html_()) < 100_000 and "and 950 more layers" in graph._repr_html_()
    assert len(repr(graph)) < 2000 and "and 950 more" in repr(graph)


def test_visualize_draws_the_layers(graph, monkeypatch):
    calls = []
    base = types.ModuleType("rask.base")
    base.visualize = lambda collection, **kwargs: calls.append((collection.__dask_graph__(), kwargs))
    monkeypatch.setitem(sys.modules, "rask.base", base)
    graph.visualize("layers.svg", rankdir="LR")
    [(dsk, kwargs)] = calls
    assert {name: task[1:] for name, task in dsk.items()} == {"a": (), "b": ("a",)}
    assert kwargs == {"filename": "layers.svg", "format": None, "rankdir": "LR"}


# --- long graphs


def chain(count):
    collection = Collection("l0", HighLevelGraph.from_collections("l0", {"l0": 1}))
    for i in range(1, count):
        layer = {f"l{i}": (inc, f"l{i - 1}")}
        collection = Collection(f"l{i}", HighLevelGraph.from_collections(f"l{i}", layer, [collection]))
    return collection.graph


def test_a_long_chain():
    count = 30_000
    graph = chain(count)
    assert list(graph.layers) == [f"l{i}" for i in range(count)]
    assert len(graph.cull([f"l{count // 2}"])) == count // 2 + 1
    graph.validate()
    assert f"{count} layers" in graph._repr_html_()


def test_a_long_chain_that_nobody_looked_at():
    graph = chain(30_000)
    restored = pickle.loads(pickle.dumps(graph))
    assert len(restored.layers) == 30_000
    unseen = chain(30_000)
    # Freed without recursion: a crash, if it failed.
    del unseen


def test_layers_are_put_together_once_and_not_at_each_step(monkeypatch):
    added = []
    real = highlevelgraph._add_layers

    def counted(graph, *args):
        added.append(graph)
        real(graph, *args)

    monkeypatch.setattr(highlevelgraph, "_add_layers", counted)
    graph = chain(1000)
    assert added == []
    assert len(graph.layers) == len(added) == 1000
    assert len(graph.layers) == len(added) == 1000
