"""What rask must reach, and what it aims at, on an idle machine of two cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from report import Row

BOTH = ("rask", "rask-local")


@dataclass(frozen=True)
class Target:
    """`over`: a size whose figure the figure at `n` is divided by."""

    what: str
    workload: str
    n: int
    figure: str
    must: float
    aim: float
    sides: tuple[str, ...] = BOTH
    more_is_better: bool = False
    over: int | None = None

    def measured(self, rows: list[Row], side: str) -> float | None:
        found = {row.n: row.cells[side].median(self.figure) for row in rows if self._is_in(row, side)}
        value = found.get(self.n)
        if self.over is None or value is None:
            return value
        base = found.get(self.over)
        return None if base is None else value / base

    def _is_in(self, row: Row, side: str) -> bool:
        return row.workload.name == self.workload and side in row.cells

    def verdict(self, value: float) -> str:
        reached = value.__ge__ if self.more_is_better else value.__le__
        if reached(self.aim):
            return "aim reached"
        return "must holds" if reached(self.must) else "**missed**"


def _more(what, workload, n, figure, must, aim):
    return Target(what, workload, n, figure, must, aim, more_is_better=True)


TARGETS = [
    Target("Monte Carlo, 100 000, µs/task", "monte-carlo", 100_000, "µs/task", 3, 1),
    Target(
        "Monte Carlo, time per task at 1 000 000 ÷ at 10 000",
        "monte-carlo",
        1_000_000,
        "µs/task",
        1.5,
        1.1,
        over=10_000,
    ),
    Target("map and gather, 100 000, µs/task", "map", 100_000, "µs/task", 2.5, 0.7),
    Target("map, time per task at 1 000 000 ÷ at 10 000", "map", 1_000_000, "µs/task", 1.5, 1.1, over=10_000),
    Target("submit and gather, 10 000, µs/task", "submit", 10_000, "µs/task", 6, 2),
    Target("submit to result, p50 µs", "latency", 2_000, "p50 µs", 250, 80),
    Target("submit to result, p99 µs", "latency", 2_000, "p99 µs", 500, 150),
    Target("chain of 5 000 by delayed, µs/link", "chain-delayed", 5_000, "µs/task", 5, 1),
    Target("tree of 16 384 leaves, µs/task", "tree", 16_384, "µs/task", 5, 1.5),
    Target("word count by map, s", "words-map", 8_264, "s", 0.15, 0.06),
    Target("METG(50 %), independent tasks, µs", "metg", 1, "independent µs", 10, 2),
    Target("METG(50 %), stencil, µs", "metg", 1, "stencil µs", 30, 8),
    Target("a held future in the scheduler, B", "memory", 1_000_000, "held scheduler B", 500, 200, ("rask",)),
    Target("a held future in its worker, B", "memory", 1_000_000, "held worker B", 500, 200),
    Target("a held future in the client, B", "memory", 1_000_000, "held client B", 500, 200, ("rask",)),
    _more("100 MB from worker to worker, GB/s", "data", 100, "worker→worker GB/s", 4, 10),
    _more("scatter of 100 MB, GB/s", "data", 100, "scatter GB/s", 2.5, 5),
    _more("gather of 100 MB, GB/s", "data", 100, "gather GB/s", 2.5, 5),
    Target("Client() to first result, ms", "start-up", 1, "first result ms", 200, 60, ("rask",)),
    Target(
        "Client(processes=False) to first result, ms",
        "start-up",
        1,
        "inproc first result ms",
        10,
        3,
        ("rask",),
    ),
    Target("import rask, ms", "start-up", 1, "import ms", 60, 25, ("rask",)),
    Target(
        "in-process compute of 100 000 points, µs/task",
        "monte-carlo",
        100_000,
        "µs/task",
        2,
        0.8,
        ("rask-threads",),
    ),
    Target("idle scheduler, MB", "memory", 1_000_000, "idle scheduler MB", 15, 8, ("rask",)),
    Target("idle worker, MB", "memory", 1_000_000, "idle worker MB", 40, 25),
]
