"""Tracebacks as text are what Python prints."""

import traceback

import pytest

from rask import _traceback_text
from rask._traceback_text import traceback_text


def plain():
    raise ValueError("no")


def with_cause():
    try:
        plain()
    except ValueError as error:
        raise KeyError("yes") from error


def with_context():
    try:
        plain()
    except ValueError:
        raise KeyError("yes")  # noqa: B904


def without_context():
    try:
        plain()
    except ValueError:
        raise KeyError("yes") from None


def recursion(n=0):
    if n == 20:
        raise ValueError("deep")
    return recursion(n + 1)


def syntax():
    compile("a b", "file", "exec")


def with_note():
    error = ValueError("many\nlines")
    if hasattr(error, "add_note"):
        error.add_note("a note")
    raise error


def group():
    raise ExceptionGroup("two", [ValueError("a"), KeyError("b")])  # noqa: F821


class BrokenError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def broken():
    raise BrokenError


RAISERS = [plain, with_cause, with_context, without_context, recursion, syntax, with_note, broken]
if hasattr(__builtins__, "ExceptionGroup") or "ExceptionGroup" in dir(__builtins__):
    RAISERS.append(group)


def raised(raiser):
    try:
        raiser()
    except Exception as error:
        return error


@pytest.mark.parametrize("raiser", RAISERS)
def test_it_is_what_python_prints_also_the_second_time(raiser):
    for _ in range(2):
        error = raised(raiser)
        assert traceback_text(error) == "".join(traceback.format_exception(error))


def test_a_chain_that_bites_its_tail_ends():
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    text = traceback_text(first)
    assert text.endswith("ValueError: first\n") and text.startswith("KeyError: 'second'\n"), text


def test_places_are_not_remembered_without_bound(monkeypatch):
    monkeypatch.setattr(_traceback_text, "_PLACES_MAX", 10)
    for n in range(30):
        namespace = {}
        exec(f"def f():\n    raise ValueError({n})", namespace)
        assert f"ValueError: {n}\n" in traceback_text(raised(namespace["f"]))
        assert len(_traceback_text._places) <= 10


def test_what_is_no_text_elsewhere_is_escaped():
    text = traceback_text(ValueError("half: \ud800"))
    assert text == "ValueError: half: \\ud800\n"
    text.encode()


def test_nothing_that_an_exception_does_escapes():
    class Vicious(Exception):
        @property
        def __cause__(self):
            raise RuntimeError("no cause")

    assert traceback_text(Vicious("x")) == ""
