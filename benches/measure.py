"""What a workload is, and what one run of it tells."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MICRO = 1e6
_fresh = itertools.count(1)


@dataclass
class Outcome:
    """One run: its figures by unit, and how many executions of `functions` it must have cost."""

    executions: int
    figures: dict[str, float] = field(default_factory=dict)


def fresh(n: int) -> range:
    """`n` numbers that no run before had."""
    begin = next(_fresh) << 32
    return range(begin, begin + n)


def check(holds: bool, what: str) -> None:
    """A side that computes something else is not compared."""
    if not holds:
        raise AssertionError(what)


@dataclass
class Timed:
    """Measures a `with` block."""

    seconds: float = 0.0

    def __enter__(self):
        self._begun = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self._begun


def per_task(timed: Timed, executions: int) -> Outcome:
    figures = {"s": timed.seconds, "µs/task": timed.seconds / executions * MICRO}
    return Outcome(executions, figures)


@dataclass
class Workload:
    """`families`: what runs it on which family of sides. `figure`: what is compared. `sizes_of`: other
    sizes of some sides. `warm_n`: the size of a first run that is not measured, or 0.
    """

    name: str
    title: str
    sizes: tuple[int, ...]
    figure: str
    families: dict[str, Callable[[Any, int], Outcome]]
    lazy_only: bool = False
    needs_start: bool = True
    only: tuple[str, ...] | None = None
    sizes_of: dict[str, int] = field(default_factory=dict)
    repeats_max: int | None = None
    warm_n: int = 100
