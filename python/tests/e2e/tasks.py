"""Functions that the tests run on workers. Importable there, and importing nothing of what is under test."""

from __future__ import annotations

import os
import time


def inc(x):
    return x + 1


def dec(x):
    return x - 1


def add(x, y):
    return x + y


def div(x, y):
    return x / y


def same(x):
    return x


def pair(x, y=None):
    return (x, y)


def slow(x, seconds=0.05):
    time.sleep(seconds)
    return x


def pid():
    return os.getpid()


def note(path, word):
    """Append a line to a file; the lines count what really ran, in whichever process."""
    with open(path, "a") as file:
        file.write(f"{word}\n")
    return word


def notes(path):
    """The lines that `note` and its kin have left so far."""
    try:
        with open(path) as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def note_args(path, *args, **kwargs):
    note(path, "ran")
    return args, kwargs


def fail_first(path, times=1):
    """Raise the first `times` times it runs, then return how often it has run."""
    note(path, "ran")
    ran = len(notes(path))
    if ran <= times:
        raise ValueError(f"run {ran}")
    return ran


def behind(gate, value=None):
    """Return `value` once the file `gate` exists: a task as long as the test wants it to be."""
    deadline = time.monotonic() + 20
    while not os.path.exists(gate):
        if time.monotonic() > deadline:
            raise RuntimeError("the gate was never opened")
        time.sleep(0.005)
    return value


def noted_behind(gate, path, value=None):
    """Leave a note that it began, then wait for the gate."""
    note(path, "began")
    return behind(gate, value)


def meet(path, n, value=None):
    """Return `value` once `n` of these execute at a time."""
    note(path, "came")
    deadline = time.monotonic() + 20
    while len(notes(path)) < n:
        if time.monotonic() > deadline:
            raise RuntimeError(f"nobody came but {len(notes(path))}")
        time.sleep(0.005)
    return value


def die():
    os._exit(1)


def die_first(path, times=1):
    """End the worker's process abruptly the first `times` times it runs."""
    note(path, "ran")
    if len(notes(path)) <= times:
        os._exit(1)
    return "alive"


def link(x, trap=None, path=None):
    """A link of a chain: one more. As one function does it all, a scheduler takes every link for short."""
    if trap == "raise":
        raise ValueError(f"at {x}")
    if trap == "die":
        die_first(path)
    if trap == "gate":
        noted_behind(*path)
    return x + 1


def append(arr=[], val=0):  # noqa: B006 - the mutable default is the point
    """The seed's `append`: it changes its argument and returns it."""
    if val is not None:
        arr.append(val)
    return arr


class Named(Exception):
    """An exception of the user's own, with arguments and an attribute."""

    def __init__(self, what, number):
        super().__init__(what, number)
        self.number = number


def raise_named(number):
    raise Named("on purpose", number)


class Box:
    """An opaque object: nothing looks inside it for futures or Delayed."""

    def __init__(self, value):
        self.value = value
