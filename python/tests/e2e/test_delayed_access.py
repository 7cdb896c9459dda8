"""Attributes, methods, items and operators of a Delayed build tasks; what Python forbids says so."""

from __future__ import annotations

import copy
import operator

import pytest

from .peer import delayed
from .tasks import inc

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
    operator.and_,
    operator.or_,
    operator.xor,
    operator.lshift,
    operator.rshift,
]


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
def test_binary_operators(op):
    expected = op(7, 2)
    assert op(delayed(7), delayed(2)).compute() == expected
    assert op(delayed(7), 2).compute() == expected
    assert op(7, delayed(2)).compute() == expected


@pytest.mark.parametrize(
    "op", [operator.neg, operator.pos, operator.invert, operator.abs], ids=lambda op: op.__name__
)
def test_unary_operators(op):
    assert op(delayed(-5)).compute() == op(-5)


class Matrix:
    def __init__(self, side):
        self.side = side

    def __matmul__(self, other):
        return (self.side, "@", getattr(other, "side", other))

    def __rmatmul__(self, other):
        return (other, "@", self.side)


def test_matmul():
    assert (delayed(Matrix("a")) @ delayed(Matrix("b"))).compute() == ("a", "@", "b")
    assert (delayed(Matrix("a")) @ 3).compute() == ("a", "@", 3)
    assert (3 @ delayed(Matrix("a"))).compute() == (3, "@", "a")


def test_an_operator_gives_another_delayed():
    x = delayed(inc)(1)
    y = x
    y += 10
    assert y is not x
    assert (x.compute(), y.compute()) == (2, 12)
    assert (x == x).compute() is True


def test_attributes():
    z = delayed(3 + 4j)
    assert (z.real.compute(), z.imag.compute()) == (3.0, 4.0)
    assert z.imag.is_integer().compute() is True


def test_methods():
    assert delayed("a-b-c").split("-").compute() == ["a", "b", "c"]
    assert delayed("a-b-c").split("-", maxsplit=1).compute() == ["a", "b-c"]
    assert delayed([3, 1, 2]).index(delayed(1)).compute() == 1


def test_pure_methods():
    text = delayed("abc", pure=True)
    assert text.upper(pure=True).key == text.upper(pure=True).key
    assert text.upper().key != text.upper().key


def test_items():
    x = delayed([10, 20, 30])
    assert x[1].compute() == 20
    assert x[-1].compute() == 30
    assert x[1:].compute() == [20, 30]
    assert x[delayed(2)].compute() == 30
    assert x[delayed(1) :].compute() == [20, 30]
    assert delayed({"k": {"n": 5}})["k"]["n"].compute() == 5


def test_a_missing_attribute_errs_when_computed():
    nothing = delayed(1).nothing_of_that_name
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        nothing.compute()


@pytest.mark.parametrize(
    "name", ["_private", "__dunder__", "_repr_png_", "_ipython_display_", "__array_interface__"]
)
def test_leading_underscores_are_no_tasks(name):
    """Notebooks and libraries probe for such attributes; a task in answer would mislead them."""
    with pytest.raises(AttributeError):
        getattr(delayed(inc)(1), name)
    assert not hasattr(delayed(1), name)


def test_no_truth():
    x = delayed(inc)(1)
    with pytest.raises(TypeError, match=r"[Tt]ruth"):
        bool(x)
    with pytest.raises(TypeError):
        _ = x and 1
    with pytest.raises(TypeError):
        if x > 1:
            pass


def test_no_iteration_without_nout():
    x = delayed([1, 2])
    with pytest.raises(TypeError):
        next(iter(x))
    with pytest.raises(TypeError):
        _, _ = x
    with pytest.raises(TypeError):
        len(x)
    with pytest.raises(TypeError):
        1 in x  # noqa: B015


def test_no_conversion_to_numbers():
    x = delayed(1)
    for convert in (int, float, complex, operator.index, round):
        with pytest.raises(TypeError):
            convert(x)
    with pytest.raises(TypeError):
        [1, 2][x]


def test_immutable():
    x = delayed(inc)(1)
    with pytest.raises(TypeError, match="immutable"):
        x.attribute = 1
    with pytest.raises(TypeError, match="immutable"):
        x[0] = 1


def test_copies():
    x = delayed(inc)(1)
    assert copy.copy(x).key == x.key
    assert copy.deepcopy(x).key == x.key
    assert copy.deepcopy(x).compute() == 2
