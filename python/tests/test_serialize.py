"""Functions and exceptions on their way to other processes; when a function's pickle may be used again."""

from __future__ import annotations

import functools
import gc
import pickle
import subprocess
import sys
import textwrap
import threading
import traceback
import types

import cloudpickle
import pytest
from rask._core import callable_token, decode, dump_callable

from rask._serialize import (
    RemoteException,
    SerializationError,
    dump_exception,
    dump_function,
    dumps,
    explain_task,
    find_culprit,
    importable_name,
    load_exception,
    referenced_globals,
)


def notebook(source: str, **names):
    """Run source as a notebook would: in a `__main__` of its own."""
    module = types.ModuleType("__main__")
    module.__dict__.update(names)
    exec(textwrap.dedent(source), module.__dict__)
    return module


def content(function) -> str:
    return dump_callable(function)[1]


def load(function):
    return decode(dump_callable(function)[0])


# --- functions


def test_importable_functions_travel_by_reference():
    for function in (len, textwrap.dedent, threading.Thread, dict.fromkeys, pickle.dumps, str.upper):
        head, _ = dump_callable(function)
        assert decode(head) == function
        assert len(head) < 200
    assert importable_name(textwrap.dedent) == ("textwrap", "dedent")


def test_what_only_looks_importable_travels_by_value():
    def dedent(text):
        return "mine"

    dedent.__module__, dedent.__qualname__ = "textwrap", "dedent"
    assert importable_name(dedent) is None
    assert load(dedent)("x") == "mine"
    assert load(lambda x: x + 1)(1) == 2
    assert importable_name(notebook("def f(): pass").f) is None


def test_modules_registered_by_value_travel_by_value():
    assert importable_name(textwrap.dedent) is not None
    cloudpickle.register_pickle_by_value(textwrap)
    try:
        assert importable_name(textwrap.dedent) is None
    finally:
        cloudpickle.unregister_pickle_by_value(textwrap)


def test_a_reference_is_made_anew_when_its_module_is_reloaded():
    module = types.ModuleType("rask_test_reloaded")
    sys.modules[module.__name__] = module
    try:
        exec("def f(): return 1", module.__dict__)
        old = module.f
        assert len(dump_callable(old)[0]) < 60
        exec("def f(): return 2", module.__dict__)
        assert load(old)() == 1  # by value: the name is another function's now
        assert load(module.f)() == 2
    finally:
        del sys.modules[module.__name__]


def test_the_pickle_of_an_unchanged_function_is_used_again():
    module = notebook("y = 1\ndef f(x, z=(1, 'a')): return x + y")
    assert dump_callable(module.f)[0] == dump_callable(module.f)[0]
    assert content(module.f) == content(module.f)


def test_a_lambda_made_anew_in_a_loop_is_one_function():
    contents = {content(lambda x: x + 1) for _ in range(3)}
    assert len(contents) == 1


CHANGES = {
    "a global": ("y = 1\ndef f(x): return x + y", "y = 2"),
    "a global that was missing": ("def f(x): return x + y", "y = 2"),
    "a global's global": ("y = 1\ndef g(): return y\ndef f(x): return x + g()", "y = 2"),
    "the default": ("def f(x, y=1): return x + y", "f.__defaults__ = (2,)"),
    "the keyword default": ("def f(x, *, y=1): return x + y", "f.__kwdefaults__['y'] = 2"),
    "the code": ("def f(x): return x + 1", "def g(x): return x + 2\nf.__code__ = g.__code__"),
    "a helper": ("def g(): return 1\ndef f(x): return x + g()", "def g(): return 2"),
    "a helper's code": (
        "def g(): return 1\ndef f(x): return x + g()",
        "def h(): return 2\ng.__code__ = h.__code__",
    ),
    "a closure's cell": (
        "def make():\n  y = 1\n  def f(x): return x + y\n  def change():\n    nonlocal y\n    y = 2\n"
        "  return f, change\n"
        "f, change = make()",
        "change()",
    ),
    "a list": ("y = [1]\ndef f(x): return x + y[0]", "y[0] = 2"),
    "a list in a tuple": ("y = ([1],)\ndef f(x): return x + y[0][0]", "y[0][0] = 2"),
    "a dict": ("y = {'k': 1}\ndef f(x): return x + y['k']", "y['k'] = 2"),
    "a default list": ("def f(x, y=[1]): return x + y[0]", "f.__defaults__[0][0] = 2"),
    "an object": ("class C: v = 1\ny = C()\ndef f(x): return x + y.v", "y.v = 2"),
    "a class": ("class C: v = 1\ndef f(x): return x + C.v", "C.v = 2"),
    "a function's attribute": ("def f(x): return x + f.v\nf.v = 1", "f.v = 2"),
    "a global that a nested function reads": ("y = 1\ndef f(x): return (lambda: x + y)()", "y = 2"),
    "a list in a closure": (
        "def make():\n  y = [1]\n  def f(x): return x + y[0]\n  return f, y\nf, y = make()",
        "y[0] = 2",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_never_stale(change):
    before, after = CHANGES[change]
    module = notebook(before)
    if "missing" not in change:
        assert load(module.f)(10) == 11
        assert load(module.f)(10) == 11
    else:
        dump_callable(module.f)
    exec(after, module.__dict__)
    assert load(module.f)(10) == 12


def test_attributes_named_like_globals_are_not_mistaken_for_them():
    module = notebook("y = [1]\ndef f(x): return x.y")
    assert referenced_globals(module.f.__code__) == set()


def test_partials_methods_and_callable_objects_travel():
    assert load(functools.partial(int, base=2))("11") == 3
    assert load("abc".upper)() == "ABC"
    module = notebook(
        "class C:\n  def __init__(self, n): self.n = n\n  def __call__(self, x): return x + self.n"
    )
    assert load(module.C(2))(1) == 3


def test_what_cannot_be_pickled_is_named():
    module = notebook("import threading\nlock = threading.Lock()\ndef f(): return lock")
    with pytest.raises(
        SerializationError, match=r"the function 'f': cannot pickle <global lock>: _thread\.lock"
    ):
        dump_callable(module.f)


def test_tokens_of_functions():
    first, second = notebook("y = 1\ndef f(x): return x + y"), notebook("def f(x): return x + 2")
    assert callable_token(len) == callable_token(len) != callable_token(sum)
    assert callable_token(first.f) == callable_token(first.f) is not None
    assert callable_token(first.f) != callable_token(second.f)
    before = callable_token(first.f)
    first.y = 2
    assert callable_token(first.f) != before


# --- pickles


def test_what_refers_to_main_travels_by_value():
    script = """
        import pickle, sys
        from rask._serialize import dumps
        class Local:
            def __init__(self, v): self.v = v
            def double(self): return 2 * self.v
        pickled, buffers = dumps([Local(21)])
        sys.stdout.buffer.write(pickled)
    """
    made = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, stdout=subprocess.PIPE)
    assert pickle.loads(made.stdout)[0].double() == 42


def test_code_that_travels_by_value_keeps_the_name_of_its_file():
    made = notebook("class C:\n    def m(self):\n        return lambda: 1")
    code = compile("def f(x):\n    def g(): return x\n    return g", "cell-17.py", "exec")
    exec(code, made.__dict__)
    copy = load(made.f)
    assert {copy.__code__.co_filename, copy(1).__code__.co_filename} == {"cell-17.py"}
    pickled, _ = dumps(made.C)
    assert pickle.loads(pickled)().m().__code__.co_filename == made.C.m.__code__.co_filename == "<string>"


def test_classes_of_main_are_the_same_class_when_they_come_back():
    worker = """
        import pickle, sys
        sys.path[:] = {path!r}
        from rask._serialize import dumps
        for _ in range(2):
            size = int.from_bytes(sys.stdin.buffer.read(8), "little")
            function, value = pickle.loads(sys.stdin.buffer.read(size))
            answer, _ = dumps(function(value))
            sys.stdout.buffer.write(len(answer).to_bytes(8, "little") + answer)
            sys.stdout.buffer.flush()
    """
    client = f"""
        import pickle, subprocess, sys
        from rask._serialize import dumps, dump_exception, load_exception
        class Pair:
            def __init__(self, v): self.v = v
        class Mine(Exception): pass
        def swap(pair): return Pair(pair.v + 1)
        worker = subprocess.Popen([sys.executable, "-c", {textwrap.dedent(worker).format(path=sys.path)!r}],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for round in range(2):
            sent, _ = dumps((swap, Pair(round)))
            worker.stdin.write(len(sent).to_bytes(8, "little") + sent); worker.stdin.flush()
            size = int.from_bytes(worker.stdout.read(8), "little")
            back = pickle.loads(worker.stdout.read(size))
            assert isinstance(back, Pair) and back.v == round + 1, (back, type(back))
        worker.stdin.close(); worker.stdout.close(); worker.wait()
        error = load_exception(*dump_exception(Mine("text")))
        assert isinstance(error, Mine)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(client)], check=True, timeout=60)


def test_buffers_beside_the_pickle():
    buffer = bytearray(100_000)
    pickled, buffers = dumps(pickle.PickleBuffer(buffer))
    assert len(pickled) < 100
    assert [len(b) for b in buffers] == [100_000]


# --- exceptions


def raised(function, *args) -> BaseException:
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def travelled(error: BaseException) -> BaseException:
    return load_exception(*dump_exception(error))


def divide(x):
    return x / 0


def test_exceptions_come_back_with_their_traceback():
    error = travelled(raised(divide, 1))
    assert type(error) is ZeroDivisionError
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert frames[-1] == "divide"


def test_causes_and_contexts_come_back():
    def outer():
        try:
            divide(1)
        except ZeroDivisionError as error:
            raise KeyError("k") from error

    def implicit():
        try:
            divide(1)
        except ZeroDivisionError:
            raise KeyError("k")  # noqa: B904

    error = travelled(raised(outer))
    assert type(error) is KeyError
    assert type(error.__cause__) is ZeroDivisionError
    assert traceback.extract_tb(error.__cause__.__traceback__)[-1].name == "divide"
    error = travelled(raised(implicit))
    assert error.__cause__ is None
    assert type(error.__context__) is ZeroDivisionError
    assert error.__suppress_context__ is False


def test_exceptions_that_refer_to_themselves_come_back():
    error = ValueError("round")
    error.__context__ = KeyError("and round")
    error.__context__.__context__ = error
    back = travelled(error)
    assert back.__context__.__context__ is back


class NeedsTwo(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} {b}")
        self.a = a


class HoldsLock(Exception):
    def __init__(self):
        super().__init__("text")
        self.lock = threading.Lock()


class BrokenText(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class LoadFails(Exception):
    def __reduce__(self):
        return divide, (1,)


@pytest.mark.parametrize("make", [lambda: NeedsTwo(1, 2), HoldsLock, LoadFails])
def test_exceptions_that_cannot_travel_are_replaced(make):
    def fail():
        raise make()

    error = travelled(raised(fail))
    assert isinstance(error, RemoteException)
    assert error.type_name.endswith(type(make()).__name__)
    assert type(make()).__name__ in str(error)
    assert "in fail" in error.remote_traceback
    assert error.text == str(make())


def test_an_exception_without_text_travels():
    pickled, _, text = dump_exception(BrokenText())
    assert "BrokenText" in text
    assert type(load_exception(pickled)) is BrokenText


def test_an_exception_unknown_here_is_replaced():
    module = types.ModuleType("rask_test_gone")
    sys.modules[module.__name__] = module
    try:
        exec("class Gone(Exception): pass", module.__dict__)
        module.Gone.__module__ = module.__name__
        dumped = dump_exception(module.Gone("text"))
    finally:
        del sys.modules[module.__name__]
    error = load_exception(*dumped)
    assert isinstance(error, RemoteException)
    assert error.type_name == "Gone"
    assert error.text == "text"
    assert "rask_test_gone" in error.reason


def test_a_remote_exception_travels_on():
    error = RemoteException("mod.Name", "text", "Traceback …", "why")
    back = travelled(error)
    assert (back.type_name, back.text, back.remote_traceback, back.reason) == (
        "mod.Name",
        "text",
        "Traceback …",
        "why",
    )


# --- culprits


class Slotted:
    __slots__ = ("lock",)


def test_culprits_are_found_everywhere():
    lock = threading.Lock()
    slotted = Slotted()
    slotted.lock = lock

    def closure():
        return lock

    cases = {
        "[2]": [1, 2, lock],
        "['a'][0]": {"a": (lock,)},
        "lock": slotted,
        "args[0]": functools.partial(print, lock),
        "<closure lock>": closure,
        "__defaults__[0]": eval("lambda x=lock: x", {"lock": lock}),
    }
    for path, obj in cases.items():
        found, culprit = find_culprit(obj)
        assert (found, culprit) == (path, lock), path


def test_culprits_in_cycles_are_found():
    loop: dict = {"lock": threading.Lock()}
    loop["self"] = loop
    assert find_culprit(loop)[0] == "['lock']"


def test_the_task_is_named():
    error = explain_task("inc-1", (1, threading.Lock()), {}, SerializationError("x"))
    assert str(error) == "task 'inc-1': cannot pickle args[1]: _thread.lock"
    other = KeyError("x")
    assert explain_task("inc-1", (), {}, other) is other


def test_dump_function_gives_a_plain_pickle():
    assert pickle.loads(dump_function(len)) is len


def test_large_pickles_are_not_kept_with_what_they_were_made_of():
    module = notebook("big = bytes(2_000_000)\ndef f(): return len(big)")
    before = sys.getrefcount(module.big)
    assert load(module.f)() == 2_000_000
    gc.collect()  # picklers are cyclic
    after = sys.getrefcount(module.big)
    assert after == before
    small = notebook("y = 1\ndef f(): return y")
    before = sys.getrefcount(small.f.__code__)
    dump_callable(small.f)
    after = sys.getrefcount(small.f.__code__)
    assert after > before
