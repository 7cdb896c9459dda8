"""How the lesson prints what it finds: a table for each exercise, and one of all at the end."""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any


class Table:
    """The variants of one exercise, a line each, printed as soon as it is known."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.seconds: dict[str, float] = {}
        print(f"\n{title}\n  {'variant':<18}{'result':>14}{'time':>12}   beside plain")

    def run(self, variant: str, work: Callable[[], Any], shown: str = "{}") -> Any:
        """Do the work, print its line, return its result. The first variant is the measure."""
        start = perf_counter()
        result = work()
        seconds = perf_counter() - start
        compared = compare(seconds, next(iter(self.seconds.values()))) if self.seconds else ""
        self.seconds[variant] = seconds
        line = f"  {variant:<18}{shown.format(result):>14}{duration(seconds):>12}   {compared}"
        print(line.rstrip(), flush=True)
        return result

    def note(self, text: str) -> None:
        print(f"  - {text}")

    def fastest(self, kind: str) -> float | None:
        """The fewest seconds among the variants of a kind: plain, lazy or eager."""
        times = [seconds for variant, seconds in self.seconds.items() if variant.startswith(kind)]
        return min(times, default=None)


class Transcript:
    """What was said to the cluster and what came back, a line each."""

    def __init__(self, title: str) -> None:
        print(f"\n{title}")

    def line(self, said: str, came_back: Any) -> None:
        print(f"  {said:<24}{came_back}", flush=True)


def summarize(tables: Iterable[Table]) -> None:
    """One line for each exercise: the fastest of its variants."""
    print(f"\nSummary\n  {'plain':>12}{'lazy':>12}{'eager':>12}")
    for table in tables:
        fastest = [table.fastest(kind) for kind in ("plain", "lazy", "eager")]
        times = ["-" if seconds is None else duration(seconds) for seconds in fastest]
        print(f"  {times[0]:>12}{times[1]:>12}{times[2]:>12}   {table.title}")


def compare(seconds: float, plain: float) -> str:
    if seconds <= plain:
        return f"{plain / seconds:,.1f} times faster"
    return f"{seconds / plain:,.1f} times slower"


def duration(seconds: float) -> str:
    """Seconds, in the unit that suits them."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.2f} ms"
    return f"{seconds * 1e6:.2f} µs"
