"""The forms of `delayed`: of a function, of a value, as a decorator; names, purity, `nout`, keys."""

from __future__ import annotations

import functools
import inspect
import operator
import re

import pytest

from .peer import TOKEN, config, delayed, rask_only
from .tasks import add, inc


def test_of_a_function():
    x = delayed(inc)(1)
    assert x.compute() == 2


def test_of_a_value():
    assert delayed(41).compute() == 41
    assert delayed(inc)(delayed(41)).compute() == 42


def test_of_a_value_that_is_no_literal():
    class Point:
        def __init__(self, x):
            self.x = x

    assert delayed(Point(3)).x.compute() == 3


def test_as_decorator():
    @delayed
    def double(x):
        return 2 * x

    assert double(double(3)).compute() == 12


def test_as_decorator_with_arguments():
    @delayed(pure=True)
    def double(x):
        return 2 * x

    @delayed(nout=2)
    def halves(x):
        return x // 2, x - x // 2

    assert double(3).key == double(3).key
    low, high = halves(7)
    assert (low.compute(), high.compute()) == (3, 4)


def test_as_decorator_of_a_method():
    class Scale:
        factor = 3

        @delayed
        def of(self, x):
            return self.factor * x

    assert Scale().of(5).compute() == 15


def test_the_wrapped_function_shows_through():
    def documented(x, y=1):
        """What it says."""
        return x + y

    d = delayed(documented)
    assert d.__name__ == "documented"
    assert d.__doc__ == "What it says."
    assert list(inspect.signature(d).parameters) == ["x", "y"]
    assert d.__wrapped__ is documented


def test_of_a_class_partial_builtin_and_lambda():
    assert delayed(complex)(1, 2).compute() == 1 + 2j
    assert delayed(functools.partial(add, 10))(5).compute() == 15
    assert delayed(sum)([1, 2, 3]).compute() == 6
    assert delayed(lambda x: x * x)(7).compute() == 49


def test_of_a_delayed_is_itself():
    x = delayed(inc)(1)
    assert delayed(x) is x


def test_keyword_arguments():
    x = delayed(inc)(1)
    assert delayed(dict)(a=x, b=[x], c=3).compute() == {"a": 2, "b": [2], "c": 3}
    assert delayed(add)(x, y=5).compute() == 7


def test_calling_a_delayed_result():
    def make_adder(n):
        return functools.partial(add, n)

    assert delayed(make_adder)(10)(5).compute() == 15


def test_nout():
    x = delayed(divmod, nout=2)(7, 3)
    assert len(x) == 2
    quotient, rest = x
    assert (quotient.compute(), rest.compute()) == (2, 1)
    assert list(delayed(tuple, nout=0)()) == []


@pytest.mark.parametrize("nout", [-1, "two", True, 1.5])
def test_nout_must_be_a_count(nout):
    with pytest.raises(ValueError, match="nout"):
        delayed(inc, nout=nout)


def test_impure_by_default():
    f = delayed(inc)
    assert f(1).key != f(1).key
    assert delayed(1).key != delayed(1).key


def test_pure_merges_equal_calls():
    assert delayed(inc, pure=True)(1).key == delayed(inc, pure=True)(1).key
    assert delayed(inc, pure=True)(1).key != delayed(inc, pure=True)(2).key
    assert delayed(inc, pure=True)(1).key != delayed(inc, pure=True)(1.0).key
    assert delayed([1, 2], pure=True).key == delayed([1, 2], pure=True).key


def test_pure_for_one_call():
    f = delayed(inc)
    pure_f = delayed(inc, pure=True)
    assert f(1, pure=True).key == f(1, pure=True).key
    assert pure_f(1, pure=False).key != pure_f(1, pure=False).key


def test_pure_by_configuration():
    with config.set(delayed_pure=True):
        assert delayed(inc)(1).key == delayed(inc)(1).key
    assert delayed(inc)(1).key != delayed(inc)(1).key


def test_name_is_the_key_of_the_wrapped_object():
    assert delayed(3, name="three").key == "three"
    assert delayed(3, name="three").compute() == 3
    assert delayed(inc, name="my-inc").key == "my-inc"
    assert delayed(inc, name="my-inc")(1).compute() == 2


def test_dask_key_name():
    x = delayed(inc)(1, dask_key_name="first")
    assert x.key == "first"
    assert x.compute() == 2
    assert delayed(inc)(x, dask_key_name=("block", 0, 1)).key == ("block", 0, 1)
    assert delayed(inc)(x, dask_key_name=("block", 0, 1)).compute() == 3


def test_dask_key_name_on_a_method():
    x = delayed("abc").upper(dask_key_name="shout")
    assert x.key == "shout"
    assert x.compute() == "ABC"


@rask_only
def test_rask_key_name():
    x = delayed(inc)(1, rask_key_name="first")
    assert x.key == "first"
    assert x.compute() == 2
    assert delayed("abc").upper(rask_key_name="shout").key == "shout"


def test_key_name_must_be_hashable():
    with pytest.raises(TypeError):
        delayed(inc)(1, dask_key_name=["a"]).compute()


def test_traverse():
    x = delayed(inc)(1)
    assert delayed([x, 1]).compute() == [2, 1]
    left = delayed([x, 1], traverse=False).compute()
    assert left[1] == 1
    assert left[0].key == x.key


def test_keys_name_the_function():
    assert re.match("inc" + TOKEN, delayed(inc)(1).key)
    assert re.match("inc" + TOKEN, delayed(inc, pure=True)(1).key)
    assert re.match("lambda" + TOKEN, delayed(lambda: 1)().key)
    assert re.match("inc" + TOKEN, delayed(functools.partial(inc))(1).key)
    assert re.match("sum" + TOKEN, delayed(sum)([1]).key)
    assert re.match("complex" + TOKEN, delayed(complex)(1).key)


def test_keys_of_values_attributes_items_operators():
    assert re.match("int" + TOKEN, delayed(1).key)
    assert re.match("list" + TOKEN, delayed([1]).key)
    x = delayed(inc)(1)
    assert re.match("getattr" + TOKEN, x.real.key)
    assert re.match("getitem" + TOKEN, x[0].key)
    assert re.match("add" + TOKEN, (x + 1).key)
    assert re.match("and_" + TOKEN, (x & 1).key)
    assert re.match("bit_length" + TOKEN, x.bit_length().key)
    assert re.match("add" + TOKEN, delayed(operator.add)(1, 2).key)


def test_repr():
    x = delayed(inc)(1)
    assert repr(x) == f"Delayed('{x.key}')"
    assert str(x) == repr(x)
    assert repr(delayed(inc)).startswith("Delayed('inc-")


def test_hash_is_that_of_the_key():
    x = delayed(inc)(1, dask_key_name="k")
    assert hash(x) == hash("k")
    assert {x: 1}[x] == 1
    assert x in [x]
