"""Delayed inside containers: which are looked into, and what the function then receives."""

from __future__ import annotations

import collections
import dataclasses

import pytest

from .peer import compute, delayed
from .tasks import Box, inc, same


@dataclasses.dataclass
class Record:
    first: object
    second: object = 3


@dataclasses.dataclass(frozen=True)
class Frozen:
    only: object


@dataclasses.dataclass
class Derived:
    given: object
    derived: int = dataclasses.field(init=False, default=5)


Pair = collections.namedtuple("Pair", "left right")


@pytest.fixture
def two():
    return delayed(inc)(1)


def received(container):
    return delayed(same)(container).compute()


def test_list(two):
    assert received([two, 1]) == [2, 1]


def test_tuple(two):
    assert received((two, 1)) == (2, 1)


def test_set(two):
    assert received({two}) == {2}


def test_dict_values_and_keys(two):
    assert received({"k": two}) == {"k": 2}
    assert received({two: "v"}) == {2: "v"}


def test_deeply_mixed(two):
    assert received([{"a": [(two, {two})]}, [[[two]]]]) == [{"a": [(2, {2})]}, [[[2]]]]


def test_namedtuple(two):
    got = received(Pair(two, 1))
    assert got == Pair(2, 1)
    assert type(got) is Pair


def test_dataclass(two):
    assert received(Record(two)) == Record(2, 3)
    assert received(Record([two], {"k": two})) == Record([2], {"k": 2})
    assert received(Frozen(two)) == Frozen(2)
    assert delayed(Record(two)).second.compute() == 3
    assert delayed(Record(two)).first.compute() == 2


def test_dataclass_without_delayed_is_left_alone():
    assert received(Derived(1)) == Derived(1)


def test_dataclass_with_a_derived_field_cannot_be_rebuilt(two):
    with pytest.raises(ValueError, match="init=False"):
        received(Derived(two))


def test_slice(two):
    assert received(slice(two, None, two)) == slice(2, None, 2)


def test_iterator_becomes_a_list(two):
    assert received(iter([two, 1])) == [2, 1]


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda x: collections.OrderedDict(k=x), id="OrderedDict"),
        pytest.param(lambda x: collections.deque([x]), id="deque"),
        pytest.param(lambda x: frozenset([x]), id="frozenset"),
    ],
)
def test_other_containers_are_not_looked_into(two, wrap):
    got = received(wrap(two))
    inside = next(iter(got.values() if isinstance(got, dict) else got))
    assert inside.key == two.key


def test_opaque_objects_are_not_looked_into(two):
    assert received(Box(two)).value.key == two.key


def test_containers_keep_their_type_without_delayed():
    for value in ([1, (2, {3})], {"a": [1]}, range(3), frozenset([1]), Pair(1, 2), slice(1, 2), None, ...):
        got = received(value)
        assert got == value
        assert type(got) is type(value)


def test_keyword_arguments_too(two):
    assert delayed(dict)(a=[two], b={"c": two}).compute() == {"a": [2], "b": {"c": 2}}


def test_strings_that_look_like_keys_stay_strings(two):
    """A key is only a reference in a raw graph; an equal string among a Delayed's arguments is just a
    string."""
    assert delayed(same)([two, two.key, (two.key, 1)]).compute() == [2, two.key, (two.key, 1)]


def test_tuples_that_look_like_tasks_stay_tuples(two):
    assert delayed(same)((inc, 1)).compute() == (inc, 1)
    assert delayed(same)([(inc, two)]).compute() == [(inc, 2)]


def test_on_workers(client, two):
    assert received([two, {"k": (two, {two})}]) == [2, {"k": (2, {2})}]
    assert received(Record(two)) == Record(2, 3)
    assert received(Pair(two, 1)) == Pair(2, 1)
    assert received(slice(two, None)) == slice(2, None)


def test_compute_looks_into_the_same_containers(two):
    assert compute({"a": [two, (two, {two})], "b": 1}) == ({"a": [2, (2, {2})], "b": 1},)
    assert compute(Record(two)) == (Record(2, 3),)
