"""Graphs in layers: which operation made which tasks.

A `HighLevelGraph` is a mapping from keys to computations like any other graph, kept as named layers that
depend on each other. `delayed` makes a layer per call, an array operation one for all its chunks.

A graph made by `from_collections` or `merge` remembers the graphs it was made of and puts their layers
together only when someone looks, so that a chain of 100 000 operations takes time in proportion to its
length.

>>> graph = HighLevelGraph({"a": {"x": 1}, "b": {"y": (abs, "x")}}, {"a": set(), "b": {"a"}})
>>> dict(graph)
{'x': 1, 'y': (<built-in function abs>, 'x')}
>>> list(graph.layers), graph.dependents
(['a', 'b'], {'a': {'b'}, 'b': set()})
"""

from __future__ import annotations

import abc
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set

from rask.annotations import get_annotations
from rask.core import flatten, keys_in_tasks, reverse_dict, toposort

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["HighLevelGraph", "Layer", "MaterializedLayer"]

_LAYERS_SHOWN_MAX = 50  # in text and HTML


class Layer(Mapping):
    """The tasks of one operation: a mapping from keys to computations.

    Subclass it for layers that can say which keys they make without making the tasks.

    Parameters
    ----------
    annotations : Mapping, optional
        How the tasks are to be run; those of the `annotate` blocks around if not given.
    collection_annotations : Mapping, optional
        What is shown about the collection that the layer makes, such as its shape.
    """

    annotations: Mapping[str, Any] | None
    collection_annotations: Mapping[str, Any] | None

    def __init__(
        self,
        annotations: Mapping[str, Any] | None = None,
        collection_annotations: Mapping[str, Any] | None = None,
    ):
        self.annotations = annotations or get_annotations() or None
        self.collection_annotations = collection_annotations or None

    @abc.abstractmethod
    def is_materialized(self) -> bool:
        """Tell whether the tasks exist, so that looking at them costs nothing."""

    @abc.abstractmethod
    def get_output_keys(self) -> Set:
        """Return the keys that other layers may use, without making the tasks."""

    def get_dependencies(self, key: Any, all_hlg_keys: Collection) -> set:
        """Return the keys, out of `all_hlg_keys`, that the task `key` of this layer needs directly."""
        return keys_in_tasks(all_hlg_keys, [self[key]])

    def cull(self, keys: set, all_hlg_keys: Collection) -> tuple[Layer, Mapping[Any, set]]:
        """Leave only what these keys need.

        Parameters
        ----------
        keys : set
            Keys of this layer.
        all_hlg_keys : collection
            All keys of the graph.

        Returns
        -------
        Layer, dict
            The culled layer, this very one if all its tasks are needed, and for each task left the keys that
            it needs, in whichever layer.
        """
        needed: dict[Any, set] = {}
        to_do = [key for key in keys if key in self]
        while to_do:
            key = to_do.pop()
            if key not in needed:
                needed[key] = self.get_dependencies(key, all_hlg_keys)
                to_do.extend(below for below in needed[key] if below in self)
        if len(needed) == len(self):
            return self, needed
        tasks = {key: self[key] for key in self if key in needed}
        return MaterializedLayer(tasks, self.annotations, self.collection_annotations), needed

    def __copy__(self) -> Layer:
        cls = type(self)
        copied = cls.__new__(cls)
        copied.__dict__.update(self.__dict__)
        return copied

    def layer_info_dict(self) -> dict[str, str]:
        """Describe the layer in a few words, for `_repr_html_`."""
        info = {
            "layer_type": type(self).__name__,
            "is_materialized": str(self.is_materialized()),
            "number of outputs": str(len(self.get_output_keys())),
        }
        for extra in (self.annotations, self.collection_annotations):
            info.update((str(name), str(value)) for name, value in (extra or {}).items())
        return info

    def _repr_html_(
        self, layer_index: object = "", highlevelgraph_key: object = "", dependencies: Iterable = ()
    ) -> str:
        from html import escape

        info = self.layer_info_dict()
        if dependencies:
            info["depends on"] = "\n".join(str(name) for name in dependencies)
        cell = '<td style="text-align: left; white-space: pre-wrap; overflow-wrap: anywhere;">'
        rows = "".join(
            f"<tr><th style='text-align: left;'>{escape(_shortened(name))}</th>"
            f"{cell}{escape(_shortened(value))}</td></tr>"
            for name, value in info.items()
        )
        index = f"Layer {escape(_shortened(str(layer_index)))}: " if layer_index != "" else ""
        fill = "#8F8F8F" if self.is_materialized() else "none"
        return (
            '<details style="margin-left: 1em;"><summary>'
            '<svg width="14" height="14" viewBox="0 0 14 14" style="vertical-align: middle;">'
            f'<circle cx="7" cy="7" r="5" fill="{fill}" stroke="#8F8F8F" stroke-width="2"/></svg> '
            f"{index}{escape(_shortened(str(highlevelgraph_key)))}</summary><table>{rows}</table></details>"
        )


def _shortened(text: str, chars_max: int = 1000) -> str:
    text = text if len(text) <= chars_max else f"{text[:chars_max]}…"
    # Control characters and halves of surrogate pairs have no place in a page, escaped or not.
    return "".join(c if c in "\n\t" or (c.isprintable() and c != "\ufffe") else "\ufffd" for c in text)


class MaterializedLayer(Layer):
    """A layer whose tasks exist, in a mapping.

    Parameters
    ----------
    mapping : Mapping
        Key → computation.
    annotations, collection_annotations : Mapping, optional
        See `Layer`.

    Examples
    --------
    >>> layer = MaterializedLayer({"x": 1, "y": (abs, "x"), "z": 2}, annotations={"priority": 1})
    >>> culled, needed = layer.cull({"y"}, layer.keys())
    >>> dict(culled), culled.annotations, needed["y"]
    ({'x': 1, 'y': (<built-in function abs>, 'x')}, {'priority': 1}, {'x'})
    """

    def __init__(
        self,
        mapping: Mapping,
        annotations: Mapping[str, Any] | None = None,
        collection_annotations: Mapping[str, Any] | None = None,
    ):
        super().__init__(annotations, collection_annotations)
        self.mapping = mapping

    def __contains__(self, k: object) -> bool:
        return k in self.mapping

    def __getitem__(self, k: Any) -> Any:
        return self.mapping[k]

    def __iter__(self) -> Iterator:
        return iter(self.mapping)

    def __len__(self) -> int:
        return len(self.mapping)

    def is_materialized(self) -> bool:
        return True

    def get_output_keys(self) -> Set:
        return self.mapping.keys()


class HighLevelGraph(Mapping):
    """A graph in named layers.

    Parameters
    ----------
    layers : Mapping
        Name → layer; a plain mapping becomes a `MaterializedLayer`.
    dependencies : Mapping
        Name → set of the names of the layers that it uses directly.
    key_dependencies : Mapping, optional
        Key → set of the keys that it uses directly, as far as known.

    Examples
    --------
    >>> layers = {"a": {("a", 0): 1}, "b": {("b", 0): (abs, ("a", 0))}}
    >>> graph = HighLevelGraph(layers, {"a": set(), "b": {"a"}})
    >>> graph["b", 0]
    (<built-in function abs>, ('a', 0))
    >>> list(graph.cull([("a", 0)]))
    [('a', 0)]
    """

    key_dependencies: dict[Any, set]

    def __init__(
        self,
        layers: Mapping[str, Mapping],
        dependencies: Mapping[str, set],
        key_dependencies: Mapping[Any, set] | None = None,
    ):
        self._own_layers = {
            name: layer if isinstance(layer, Layer) else MaterializedLayer(layer)
            for name, layer in layers.items()
        }
        self._own_dependencies = dependencies
        self.key_dependencies = dict(key_dependencies) if key_dependencies else {}
        # Graphs whose layers belong to this one too, until someone asks for them.
        self._parents: Sequence[HighLevelGraph] = ()
        self._index: dict[Any, str] | None = None

    @classmethod
    def _of(
        cls, parents: Sequence[HighLevelGraph], layers: Mapping[str, Mapping], dependencies: Mapping[str, set]
    ) -> HighLevelGraph:
        graph = cls(layers, dependencies)
        graph._parents = parents
        return graph

    # --- making

    @classmethod
    def from_collections(cls, name: str, layer: Mapping, dependencies: Sequence[Any] = ()) -> HighLevelGraph:
        """Make the graph of a new operation on existing collections.

        Parameters
        ----------
        name : str
            The name of the new layer.
        layer : Mapping
            Its tasks.
        dependencies : sequence of collections
            The collections that its tasks use.

        Returns
        -------
        HighLevelGraph

        Raises
        ------
        TypeError
            One of the dependencies is no collection.

        Examples
        --------
        >>> HighLevelGraph.from_collections("new", {"new": (abs, -1)}).layers["new"]["new"]
        (<built-in function abs>, -1)
        """
        parents: list[HighLevelGraph] = []
        names: set = set()
        for collection in dependencies:
            make = getattr(collection, "__dask_graph__", None)
            graph = None if make is None or isinstance(collection, type) else make()
            if graph is None:
                raise TypeError(f"layer {name!r} depends on a {type(collection)}, which is no collection")
            if isinstance(graph, HighLevelGraph):
                names.update(collection.__dask_layers__())
            else:
                graph = _of_mapping(graph)
                names.update(graph._own_layers)
            parents.append(graph)
        return cls._of(parents, {name: layer}, {name: names})

    @classmethod
    def merge(cls, *graphs: Mapping) -> HighLevelGraph:
        """Put graphs together.

        Where two have a layer of the same name, which happens when one graph was culled twice, the result has
        the tasks of both.

        Parameters
        ----------
        *graphs : HighLevelGraph or Mapping
            A plain mapping becomes a layer of its own.

        Returns
        -------
        HighLevelGraph

        Raises
        ------
        TypeError
            One of them is no mapping.

        Examples
        --------
        >>> a = HighLevelGraph({"a": {"x": 1}}, {"a": set()})
        >>> sorted(HighLevelGraph.merge(a, {"y": 2}))
        ['x', 'y']
        """
        for graph in graphs:
            if not isinstance(graph, Mapping):
                raise TypeError(f"a graph is a mapping, got {type(graph).__name__}: {graph!r}")
        parents = [graph if isinstance(graph, HighLevelGraph) else _of_mapping(graph) for graph in graphs]
        return cls._of(parents, {}, {})

    def copy(self) -> HighLevelGraph:
        """Return a graph with the same layers, whose own mappings may be changed."""
        return HighLevelGraph(dict(self.layers), dict(self.dependencies), self.key_dependencies)

    def __reduce__(self) -> tuple:
        # Without the graphs it was made of: a pickle of a long chain of them would nest as deep.
        return type(self), (self.layers, self.dependencies, self.key_dependencies)

    def __dask_tokenize__(self) -> tuple:
        return type(self).__name__, [(name, dict(layer)) for name, layer in self.layers.items()]

    def _collect(self) -> None:
        """Put together the layers of all graphs that this one was made of, each of them once."""
        if not self._parents:
            return
        layers: dict[str, Layer] = {}
        dependencies: dict[str, set] = {}
        seen = {id(self)}
        # Innermost graphs first, so that layers come after those that they use.
        stack: list[tuple[HighLevelGraph, Iterator]] = [(self, iter(self._parents))]
        while stack:
            graph, parents = stack[-1]
            for parent in parents:
                if id(parent) not in seen:
                    seen.add(id(parent))
                    stack.append((parent, iter(parent._parents)))
                    break
            else:
                stack.pop()
                _add_layers(graph, layers, dependencies)
                self.key_dependencies.update(graph.key_dependencies)
        self._own_layers, self._own_dependencies = layers, dependencies
        self._parents = ()

    @property
    def layers(self) -> dict[str, Layer]:
        """Name → layer."""
        self._collect()
        return self._own_layers

    @property
    def dependencies(self) -> Mapping[str, set]:
        """Name of a layer → names of the layers that it uses directly."""
        self._collect()
        return self._own_dependencies

    @property
    def dependents(self) -> dict[str, set]:
        """Name of a layer → names of the layers that use it directly."""
        return reverse_dict(self.dependencies)

    # --- as a mapping

    def _layer_of(self, key: Any) -> Layer | None:
        layers = self.layers
        # By custom a key is the name of its layer, or a tuple that begins with it.
        name = key[0] if type(key) is tuple and key else key
        layer = layers.get(name)
        if layer is not None and key in layer:
            return layer
        if self._index is None:
            self._index = {k: name for name, layer in layers.items() for k in layer.get_output_keys()}
        name = self._index.get(key)
        if name is not None and name in layers:
            return layers[name]
        # A layer may hold more than it puts out.
        return next(
            (layer for layer in layers.values() if not layer.is_materialized() and key in layer), None
        )

    def __getitem__(self, key: Any) -> Any:
        layer = self._layer_of(key)
        if layer is None:
            raise KeyError(key)
        return layer[key]

    def __contains__(self, key: object) -> bool:
        return self._layer_of(key) is not None

    def __len__(self) -> int:
        # Does not materialize anything, and counts a key that several layers have as often.
        return sum(len(layer) for layer in self.layers.values())

    def __iter__(self) -> Iterator:
        return iter(self.to_dict())

    def keys(self) -> Any:
        """Return the keys of all layers."""
        return self.to_dict().keys()

    def values(self) -> Any:
        """Return the computations of all layers."""
        return self.to_dict().values()

    def items(self) -> Any:
        """Return the keys and computations of all layers."""
        return self.to_dict().items()

    def to_dict(self) -> dict:
        """Return the graph as one plain dict, without its layers."""
        result: dict = {}
        for layer in self.layers.values():
            result.update(layer)
        return result

    # --- dependencies between keys

    def get_all_external_keys(self) -> set:
        """Return the keys that all layers put out."""
        keys: set = set()
        for layer in self.layers.values():
            keys.update(layer.get_output_keys())
        return keys

    def get_all_dependencies(self) -> dict[Any, set]:
        """Map each key to the keys that it uses directly.

        Examples
        --------
        >>> graph = HighLevelGraph({"a": {"x": 1}, "b": {"y": (abs, "x")}}, {"a": set(), "b": {"a"}})
        >>> graph.get_all_dependencies()
        {'x': set(), 'y': {'x'}}
        """
        all_keys = self.keys()
        for layer in self.layers.values():
            for key in layer:
                if key not in self.key_dependencies:
                    self.key_dependencies[key] = layer.get_dependencies(key, all_keys)
        return self.key_dependencies

    def _toposort_layers(self) -> list[str]:
        """Order the layers so that each comes after those it uses, otherwise as they were added."""
        position = {name: i for i, name in enumerate(self.layers)}
        ordered = {name: sorted(names, key=position.__getitem__) for name, names in self.dependencies.items()}
        return toposort(self.layers, dependencies=ordered)

    def cull(self, keys: Iterable) -> HighLevelGraph:
        """Leave only the tasks that these keys need.

        Parameters
        ----------
        keys : iterable
            Keys, possibly in nested lists. Those that the graph does not have are passed over.

        Returns
        -------
        HighLevelGraph
            Its layers keep their names; one of which all is needed is the very same object.

        Examples
        --------
        >>> graph = HighLevelGraph({"a": {"x": 1, "y": (abs, "x"), "z": 2}}, {"a": set()})
        >>> dict(graph.cull(["x"]))
        {'x': 1}
        """
        all_keys = self.get_all_external_keys()
        wanted: dict[str, set] = {}
        owner = {key: name for name, layer in self.layers.items() for key in layer.get_output_keys()}
        for key in flatten([keys] if isinstance(keys, str) else keys):
            if key in owner:
                wanted.setdefault(owner[key], set()).add(key)

        layers: dict[str, Layer] = {}
        uses: dict[str, set] = {}
        key_dependencies: dict[Any, set] = {}
        order = self._toposort_layers()[::-1]
        to_do = set(wanted)
        # Once through the layers, unless the dependencies given are not those of the tasks.
        while to_do:
            for name in order:
                if name not in to_do:
                    continue
                to_do.remove(name)
                layers[name], needed = self.layers[name].cull(wanted[name], all_keys)
                key_dependencies.update(needed)
                uses[name] = set()
                for below in set().union(*needed.values()):
                    other = owner.get(below, name)
                    if other == name:
                        continue
                    uses[name].add(other)
                    if below not in wanted.setdefault(other, set()):
                        wanted[other].add(below)
                        to_do.add(other)
        kept = [name for name in self.layers if name in layers]
        return HighLevelGraph(
            {name: layers[name] for name in kept}, {name: uses[name] for name in kept}, key_dependencies
        )

    def cull_layers(self, layers: Iterable[str]) -> HighLevelGraph:
        """Leave only these layers and those that they need, each whole.

        Raises
        ------
        KeyError
            The graph has no layer of that name.

        Examples
        --------
        >>> graph = HighLevelGraph({"a": {}, "b": {}, "c": {}}, {"a": set(), "b": {"a"}, "c": set()})
        >>> list(graph.cull_layers(["b"]).layers)
        ['a', 'b']
        """
        needed: set = set()
        to_do = list(layers)
        while to_do:
            name = to_do.pop()
            if name not in needed:
                if name not in self.layers:
                    raise KeyError(name)
                needed.add(name)
                to_do.extend(self.dependencies[name])
        kept = [name for name in self.layers if name in needed]
        return HighLevelGraph(
            {name: self.layers[name] for name in kept}, {name: self.dependencies[name] for name in kept}
        )

    def validate(self) -> None:
        """Check that layers, dependencies and tasks agree.

        Raises
        ------
        ValueError
            They do not; the error says where.

        Examples
        --------
        >>> HighLevelGraph({"a": {"x": 1}, "b": {"y": (abs, "x")}}, {"a": set(), "b": set()}).validate()
        Traceback (most recent call last):
            ...
        ValueError: incorrect dependencies['b']: set(), expected {'a'} from its tasks
        """
        layers, dependencies = self.layers, self.dependencies
        for name, names in dependencies.items():
            if name not in layers:
                raise ValueError(f"dependencies[{name!r}] not found in layers")
            for other in names:
                if other not in dependencies:
                    raise ValueError(f"{other!r}, which {name!r} depends on, not found in dependencies")
        if dependencies.keys() != layers.keys():
            absent = [name for name in layers if name not in dependencies]
            raise ValueError(f"layers without dependencies: {absent[:_LAYERS_SHOWN_MAX]!r}")
        for layer in layers.values():
            if not isinstance(layer, Layer):
                raise ValueError(f"not a Layer: {layer!r}")
        all_keys = self.keys()
        owner = {key: name for name, layer in layers.items() for key in layer}
        for name, layer in layers.items():
            expected: set = set()
            for key in layer:
                below = layer.get_dependencies(key, all_keys)
                expected.update(owner[k] for k in below)
                known = self.key_dependencies.get(key)
                if known is not None and known != below:
                    raise ValueError(
                        f"incorrect key_dependencies[{key!r}]: {known!r}, expected {below!r} from its task"
                    )
            expected.discard(name)
            if dependencies[name] != expected:
                raise ValueError(
                    f"incorrect dependencies[{name!r}]: {set(dependencies[name])!r}, "
                    f"expected {expected!r} from its tasks"
                )
        try:
            self._toposort_layers()
        except RuntimeError as exc:
            raise ValueError(f"layers depend on each other: {exc}") from None

    # --- showing

    def visualize(
        self, filename: str | None = "rask-hlg.svg", format: str | None = None, **kwargs: Any
    ) -> Any:
        """Draw the layers and how they depend on each other.

        Parameters
        ----------
        filename : str or None
            The file to write; None writes none.
        format : str, optional
            "svg", "png" or "dot", if the name does not say it.
        **kwargs
            As for `rask.visualize`.

        Returns
        -------
        Any
            What shows the picture in a notebook.
        """
        from rask.base import visualize

        picture = {name: (_layer, *sorted(self.dependencies[name], key=str)) for name in self.layers}
        return visualize(_LayersAsTasks(picture), filename=filename, format=format, **kwargs)

    def __repr__(self) -> str:
        names = self._toposort_layers()
        count = len(names)
        head = f"{type(self).__name__} with {count} layer{'' if count == 1 else 's'}."
        place = f"<{type(self).__module__}.{type(self).__name__} object at {id(self):#x}>"
        lines = [f" {i}. {name}" for i, name in enumerate(names[:_LAYERS_SHOWN_MAX])]
        if count > _LAYERS_SHOWN_MAX:
            lines.append(f" … and {count - _LAYERS_SHOWN_MAX} more")
        return "\n".join([head, place, *lines, ""])

    def _repr_html_(self) -> str:
        names = self._toposort_layers()
        position = {name: i for i, name in enumerate(names)}
        shown = "".join(
            self.layers[name]._repr_html_(i, name, sorted(self.dependencies[name], key=position.__getitem__))
            for i, name in enumerate(names[:_LAYERS_SHOWN_MAX])
        )
        if len(names) > _LAYERS_SHOWN_MAX:
            shown += f'<p style="margin-left: 1em;">… and {len(names) - _LAYERS_SHOWN_MAX} more layers</p>'
        layers = f"{len(names)} layer{'' if len(names) == 1 else 's'}"
        keys = f"{len(self)} key{'' if len(self) == 1 else 's'}"
        return (
            f"<div><p><strong>{type(self).__name__}</strong> with {layers} and {keys} from all layers.</p>"
            f"{shown}</div>"
        )


class _LayersAsTasks:
    """A collection whose tasks are the layers of a graph, to be drawn and never computed."""

    def __init__(self, graph: dict):
        self._graph = graph

    def __dask_graph__(self) -> dict:
        return self._graph

    def __dask_keys__(self) -> list:
        return list(self._graph)

    def __dask_layers__(self) -> tuple:
        return ()


def _layer(*args: object) -> None:
    """Stand for a layer in the picture of a graph's layers."""


def _of_mapping(graph: Mapping) -> HighLevelGraph:
    # The address is a name that no other graph has while this one lives, which the layer sees to.
    name = str(id(graph))
    return HighLevelGraph({name: graph}, {name: set()})


def _add_layers(graph: HighLevelGraph, layers: dict[str, Layer], dependencies: dict[str, set]) -> None:
    for name, layer in graph._own_layers.items():
        former = layers.get(name)
        if former is None or former is layer:
            layers[name] = layer
            dependencies[name] = graph._own_dependencies.get(name, set())
            continue
        # Two parts of one layer, culled differently.
        if former.keys() != layer.keys():
            layer = MaterializedLayer(
                {**former, **layer},
                layer.annotations or former.annotations,
                layer.collection_annotations or former.collection_annotations,
            )
        layers[name] = layer
        dependencies[name] = dependencies[name] | graph._own_dependencies.get(name, set())
