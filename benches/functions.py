"""What the tasks do: the same functions on every side, imported by its workers.

Each counts its executions in the process that it runs in, so that a side cannot do less than it was asked
for. Counting costs some 25 ns, on every side and in the plain loop alike.
"""

import itertools
import math
import os
import random
import time

_executions = itertools.count()


def executions() -> int:
    """How often a function of this module has run in this process."""
    return int(repr(_executions)[len("count(") : -1])


def process_and_executions(pause_s: float = 0.0) -> tuple[int, int]:
    """This process's id and its count. The pause keeps one worker from answering for all."""
    time.sleep(pause_s)
    return os.getpid(), executions()


def inc(x):
    next(_executions)
    return x + 1


def add(x, y):
    next(_executions)
    return x + y


def under_curve(_=None):
    """1 if a random point of the box 0 < x < 2, 0 < y < 1 lies under sin²(1/(x(2-x))), else 0."""
    next(_executions)
    x = 2 * random.random()
    y = random.random()
    return 1 if y < math.sin(1 / (x * (2 - x))) ** 2 else 0


def count_words(text):
    next(_executions)
    return len(text.split())


def corner_block(i, j):
    """A small square block, as a tuple of rows."""
    next(_executions)
    return ((i, j), (j, i + 1))


def block_product(a, b):
    """The product of two square blocks, given as tuples of rows."""
    next(_executions)
    columns = tuple(zip(*b, strict=True))
    return tuple(tuple(sum(map(int.__mul__, row, column)) for column in columns) for row in a)


def block_sum(blocks):
    next(_executions)
    return tuple(tuple(map(sum, zip(*rows, strict=True))) for rows in zip(*blocks, strict=True))


def ones(items):
    """`items` float64, 8 bytes each."""
    import numpy

    next(_executions)
    return numpy.ones(items)


def touch(array):
    """Read one number of each page, so that memory which is only promised has to be there."""
    next(_executions)
    return float(array[::512].sum())


def spin(turns, *_inputs):
    """Work for `turns` turns of a loop."""
    next(_executions)
    for _ in range(turns):
        pass
    return turns
