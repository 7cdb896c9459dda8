"""A first lesson in parallel computing with rask, as a program.

    python examples/lesson.py

It starts a cluster on this machine, two worker processes of four threads each, and goes through
what one needs to begin: work that is planned first and run later (`delayed`), work that starts at
once (`submit` and `map`), and six exercises, each as a plain Python loop and then on the cluster.
Every line of its tables is one way to one result, with the time it took. Every result is checked;
a wrong one ends the program with exit code 1.

Read it from the top: each section is the code of one part of the lesson. `report.py` prints what
comes of it, `corpus.py` has the documents, `lesson.ipynb` is the same lesson as a notebook.
"""

import argparse
import contextlib
import math
import random
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from typing import Any

import corpus
import rask
from rask import delayed
from rask.distributed import Client, wait
from report import Table, Transcript, duration, summarize

# ----------------------------------------------------------------------------------------------
# The work. Each function sleeps for a while, and so stands for one that has much to compute.
# ----------------------------------------------------------------------------------------------

SECOND = 1.0  # --quick makes it shorter


def increment(x):
    sleep(SECOND)
    return x + 1


def decrement(x):
    sleep(SECOND)
    return x - 1


def add(x, y):
    sleep(SECOND)
    return x + y


# ----------------------------------------------------------------------------------------------
# Lazy work: plan first, run later
# ----------------------------------------------------------------------------------------------


def first_example(lesson: "Lesson") -> None:
    """Three calls, the last of which needs the other two."""
    table = lesson.table("Lazy work: three functions of one second")

    def plain():
        x = increment(1)
        y = decrement(2)
        return add(x, y)

    # `delayed(function)(arguments)` writes the call down and returns at once. What it returns
    # stands for the result and can be an argument of the next call: the calls make a graph.
    x = delayed(increment)(1)
    y = delayed(decrement)(2)
    z = delayed(add)(x, y)

    expected = table.run("plain calls", plain)
    result = table.run("lazy, delayed", z.compute)
    check(result == expected == 3, f"add(increment(1), decrement(2)) is 3, not {result}")

    table.note("increment and decrement run side by side, then add: two seconds instead of three")
    layers = sorted(name.split("-")[0] for name in z.dask.layers)
    table.note(f"the plan has a layer for each call: {', '.join(layers)}")
    lesson.draw(table, z, "first-example")


# ----------------------------------------------------------------------------------------------
# Eager work: futures
# ----------------------------------------------------------------------------------------------


def futures(lesson: "Lesson") -> None:
    """`submit` and `map` start work at once and hand out futures; results stay on the workers."""
    client = lesson.client
    transcript = Transcript("Eager work: futures")

    future = client.submit(increment, 1)
    transcript.line("submit(increment, 1)", future)
    result = client.gather(future)
    transcript.line("gathered", result)
    transcript.line("the future now", future)
    check(result == 2, f"increment(1) is 2, not {result}")

    # One task for each element. `map` does not wait for any of them; `gather` does.
    numbers = list(range(9))
    mapped = client.map(increment, numbers)
    transcript.line("map over 0 … 8", f"{len(mapped)} futures, the first is {mapped[0].status}")
    once = client.gather(mapped)
    transcript.line("gathered", once)
    check(once == [x + 1 for x in numbers], f"incrementing 0 … 8 gave {once}")

    again = client.map(increment, once)
    wait(again)
    transcript.line("map again, then wait", f"all {again[0].status}")
    twice = client.gather(again)
    transcript.line("gathered", twice)
    check(twice == [x + 2 for x in numbers], f"incrementing 0 … 8 twice gave {twice}")

    # A future can be an argument while its own work is still running. Nothing travels through
    # this process: the worker that adds gets both values from where they are.
    x = client.submit(increment, 1)
    y = client.submit(decrement, 2)
    total = client.submit(add, x, y)
    transcript.line("add two futures", total)
    result = client.gather(total)
    transcript.line("gathered", result)
    check(result == 3, f"the sum of two futures is 3, not {result}")


# ----------------------------------------------------------------------------------------------
# Exercise 1: a loop with random increments
# ----------------------------------------------------------------------------------------------


def add_random(x):
    sleep(SECOND / 10)
    return x + random.random()


def times_ten(x):
    sleep(SECOND / 10)
    return x * 10


def random_increments(lesson: "Lesson") -> None:
    client = lesson.client
    table = lesson.table("Exercise 1: a loop with random increments")
    data = [1, 2, 3, 4, 5, 6, 7, 8]

    def plain():
        total = 0
        for x in data:
            total += times_ten(add_random(x))
        return total

    def plan():
        results = []
        for x in data:
            results.append(delayed(times_ten)(delayed(add_random)(x)))
        return delayed(sum)(results)

    # A function whose answer differs from call to call is not pure. Unless told so, the cluster
    # takes a second call with the same arguments for the first and answers with what it has.
    def submitted():
        results = []
        for x in data:
            shifted = client.submit(add_random, x, pure=False)
            results.append(client.submit(times_ten, shifted))
        return client.submit(sum, results).result()

    def mapped():
        shifted = client.map(add_random, data, pure=False)
        return client.submit(sum, client.map(times_ten, shifted)).result()

    low, high = 10 * sum(data), 10 * (sum(data) + len(data))
    for variant, work in {
        "plain loop": plain,
        "lazy, delayed": lambda: plan().compute(),
        "eager, submit": submitted,
        "eager, map": mapped,
    }.items():
        total = table.run(variant, work, "{:.3f}")
        check(low <= total <= high, f"the total must lie between {low} and {high}, not at {total}")

    table.note(f"each total has random parts of its own and lies between {low} and {high}")
    lesson.draw(table, plan(), "random-increments")


# ----------------------------------------------------------------------------------------------
# Exercise 2: map and reduce, pair by pair
# ----------------------------------------------------------------------------------------------


def sum_of_pairs(numbers, add):
    """Add neighbours until one is left. Which `add` it gets decides where and when that happens."""
    while len(numbers) > 1:
        if len(numbers) % 2:
            numbers = [*numbers, 0]
        numbers = [add(numbers[i], numbers[i + 1]) for i in range(0, len(numbers), 2)]
    return numbers[0]


def pairwise_sum(lesson: "Lesson") -> None:
    client = lesson.client
    table = lesson.table("Exercise 2: a sum, pair by pair, one second for each addition")
    numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9]

    def plain():
        return sum_of_pairs(numbers, add)

    def plan():
        return sum_of_pairs(numbers, delayed(add))

    def submitted():
        return sum_of_pairs(numbers, lambda x, y: client.submit(add, x, y)).result()

    expected = table.run("plain loop", plain)
    check(expected == sum(numbers), f"the plain loop must give {sum(numbers)}, not {expected}")
    for variant, work in {
        "lazy, delayed": lambda: plan().compute(),
        "eager, submit": submitted,
    }.items():
        total = table.run(variant, work)
        check(total == expected, f"the plain loop gives {expected}, {variant} gives {total}")

    table.note("5 + 3 + 2 + 1 additions in turn; on the cluster four rounds, each of them at once")
    lesson.draw(table, plan(), "pairwise-sum")


# ----------------------------------------------------------------------------------------------
# Exercise 3: counting words
# ----------------------------------------------------------------------------------------------


def count_words(text):
    return len(text.split())


def word_count(lesson: "Lesson") -> None:
    client = lesson.client
    documents = lesson.corpus.documents
    table = lesson.table(f"Exercise 3: the words of {len(documents):,} documents")

    def plain():
        counts = []
        for document in documents:
            counts.append(count_words(document))
        return sum(counts)

    def lazy():
        counts = [delayed(count_words)(document) for document in documents]
        return delayed(sum)(counts).compute()

    def mapped():
        counts = client.map(count_words, documents)
        return client.submit(sum, counts).result()

    expected = table.run("plain loop", plain, "{:,}")
    for variant, work in {"lazy, delayed": lazy, "eager, map": mapped}.items():
        total = table.run(variant, work, "{:,}")
        check(total == expected, f"the plain loop counts {expected}, {variant} counts {total}")

    table.note(lesson.corpus.source)
    table.note("splitting a text takes less time than sending it: light work should not travel")


# ----------------------------------------------------------------------------------------------
# Exercise 4: Fibonacci's numbers by appending
# ----------------------------------------------------------------------------------------------


def append(arr=[], val=0):  # noqa: B006 (the list is there to be appended to)
    """Append in place; `None` leaves the list as it is."""
    if val is not None:
        arr.append(val)
    return arr


def fibonacci(n, append):
    """The first n numbers: each append needs the list that the one before it returned."""
    series = append([], None)
    for i in range(n):
        series = append(series, 1 if i < 2 else series[i - 1] + series[i - 2])
    return series


def fibonacci_chain(lesson: "Lesson") -> None:
    n = 17
    shown = "… {0[15]}, {0[16]}"
    table = lesson.table(f"Exercise 4: the first {n} Fibonacci numbers")

    expected = table.run("plain loop", lambda: fibonacci(n, append), shown)
    check(expected[:6] == [1, 1, 2, 3, 5, 8], f"the series begins 1, 1, 2, not {expected[:6]}")

    # Taking an item of something delayed, and adding two such things, is delayed as well.
    series = fibonacci(n, delayed(append))
    for variant in ("lazy, delayed", "lazy, once more"):
        numbers = table.run(variant, series.compute, shown)
        check(numbers == expected, f"the plain loop gives {expected}, {variant} gives {numbers}")

    table.note("every step needs the one before it: nothing here can run side by side")
    table.note("the empty list it begins with is made anew for each run, so both runs agree")
    lesson.draw(table, fibonacci(8, delayed(append)), "fibonacci-chain", rankdir="LR")


# ----------------------------------------------------------------------------------------------
# Exercise 5: an integral by chance
# ----------------------------------------------------------------------------------------------

INTEGRAL = 1.4514014855  # of f from 0 to 2, to ten decimals


def f(x):
    return math.sin(1 / (x * (2 - x))) ** 2


def under_curve(_=None):
    """1 if a random point of the box 0 < x < 2, 0 < y < 1 lies under f, else 0.

    The argument means nothing; `map` has to have one.
    """
    x = 2 * random.random()
    y = random.random()
    return 1 if y < f(x) else 0


def integral(lesson: "Lesson") -> None:
    client, n = lesson.client, lesson.points
    table = lesson.table(f"Exercise 5: ∫ sin²(1/(x(2−x))) from 0 to 2, {n:,} points, one task each")

    def plain():
        hits = []
        for _ in range(n):
            hits.append(under_curve())
        return 2 * sum(hits) / n

    def lazy():
        hits = [delayed(under_curve)() for _ in range(n)]
        return 2 * delayed(sum)(hits).compute() / n

    @rask.delayed
    def delayed_under_curve():
        return under_curve()

    def decorated():
        hits = [delayed_under_curve() for _ in range(n)]
        return 2 * rask.delayed(sum)(hits).compute() / n

    def mapped():
        hits = client.map(under_curve, range(n), pure=False)
        return 2 * client.submit(sum, hits).result() / n

    margin = 2 * five_deviations(INTEGRAL / 2, n)
    for variant, work in {
        "plain loop": plain,
        "lazy, delayed": lazy,
        "lazy, @delayed": decorated,
        "eager, map": mapped,
    }.items():
        estimate = table.run(variant, work, "{:.5f}")
        check(
            abs(estimate - INTEGRAL) < margin,
            f"{variant} gives {estimate}; {n} points must come within {margin:.5f} of {INTEGRAL}",
        )

    table.note(f"it is {INTEGRAL:.5f}; chance moves an estimate by {margin / 5:.5f} or so")
    turn, task = (duration(table.fastest(kind) / n) for kind in ("plain", "lazy"))
    table.note(f"a turn of the plain loop takes {turn}, a task {task}, everything included")


def five_deviations(probability: float, n: int) -> float:
    """How far the share of hits may lie from its probability: once in two million it is farther."""
    return 5 * math.sqrt(probability * (1 - probability) / n)


# ----------------------------------------------------------------------------------------------
# Exercise 6: π by chance
# ----------------------------------------------------------------------------------------------


def in_circle(_=None):
    """1 if a random point of the unit square lies within the quarter circle, else 0."""
    x = random.random()
    y = random.random()
    return 1 if x * x + y * y < 1 else 0


def pi(lesson: "Lesson") -> None:
    client, n = lesson.client, lesson.points
    table = lesson.table(f"Exercise 6: π, {n:,} points, one task each")

    def plain():
        hits = []
        for _ in range(n):
            hits.append(in_circle())
        return 4 * sum(hits) / n

    def lazy():
        hits = [delayed(in_circle)() for _ in range(n)]
        return 4 * delayed(sum)(hits).compute() / n

    def submitted():
        hits = [client.submit(in_circle, pure=False) for _ in range(n)]
        return 4 * client.submit(sum, hits).result() / n

    def mapped():
        hits = client.map(in_circle, range(n), pure=False)
        return 4 * client.submit(sum, hits).result() / n

    margin = 4 * five_deviations(math.pi / 4, n)
    for variant, work in {
        "plain loop": plain,
        "lazy, delayed": lazy,
        "eager, submit": submitted,
        "eager, map": mapped,
    }.items():
        estimate = table.run(variant, work, "{:.5f}")
        check(
            abs(estimate - math.pi) < margin,
            f"{variant} gives {estimate}; {n} points must come within {margin:.5f} of π",
        )

    # Without pure=False: the same function with the same arguments, none, is the same task.
    same = [client.submit(in_circle) for _ in range(100)]
    keys = {future.key for future in same}
    check(len(keys) == 1, f"100 equal pure calls must be one task, not {len(keys)}")
    table.note("without pure=False, 100 submissions of in_circle are one task with one answer")


# ----------------------------------------------------------------------------------------------
# What the sections share, and the program around them
# ----------------------------------------------------------------------------------------------


class WrongResult(Exception):
    """A variant of an exercise gave what it must not give."""


def check(right: bool, complaint: str) -> None:
    if not right:
        raise WrongResult(complaint)


@dataclass
class Lesson:
    """What the sections share."""

    client: Client
    corpus: corpus.Corpus
    points: int
    pictures: Path
    tables: list[Table] = field(default_factory=list)

    def table(self, title: str) -> Table:
        self.tables.append(Table(title))
        return self.tables[-1]

    def draw(self, table: Table, collection: Any, name: str, **layout: Any) -> None:
        """Two pictures of a delayed value's graph: as it was written down, and as it is run."""
        for filename, optimize_graph in ((name, False), (f"{name}-optimized", True)):
            path = str(self.pictures / filename)
            collection.visualize(path, format="svg", optimize_graph=optimize_graph, **layout)
            check(Path(f"{path}.svg").exists(), f"visualize must have written {path}.svg")
        table.note(f"its pictures: {name}.svg and {name}-optimized.svg")


SECTIONS = (
    first_example,
    futures,
    random_increments,
    pairwise_sum,
    word_count,
    fibonacci_chain,
    integral,
    pi,
)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A first lesson in parallel computing with rask.")
    option = parser.add_argument
    option("--address", help="use a running cluster, e.g. 127.0.0.1:8786")
    option("--documents", metavar="DIR", help="documents of exercise 3: the files in DIR")
    option("--pictures", metavar="DIR", help="where to draw the graphs, else a temporary folder")
    option("--points", metavar="N", type=int, default=100_000, help="of exercises 5 and 6")
    option("--quick", action="store_true", help="sleep a twentieth of the time")
    given = parser.parse_args(argv)
    if given.points < 1:
        parser.error(f"--points must be at least 1, not {given.points}")
    return given


def cluster(address: str | None) -> Client:
    """Two workers of four threads, eight in all: as many as the predictions of the lesson need."""
    return Client(address) if address else Client(n_workers=2, threads_per_worker=4)


def main(argv: list[str] | None = None) -> int:
    global SECOND
    given = arguments(argv)
    if given.quick:
        SECOND = 0.05
    sys.stdout.reconfigure(errors="replace")  # a terminal without ∫ and π gets question marks
    try:
        documents = corpus.folder(given.documents) if given.documents else corpus.newsgroups()
        client = cluster(given.address)
    except (corpus.CorpusMissing, OSError) as error:
        print(f"lesson: {error}", file=sys.stderr)
        return 2

    pictures = Path(given.pictures or tempfile.mkdtemp(prefix="rask-lesson-"))
    pictures.mkdir(parents=True, exist_ok=True)
    with client:
        print(f"The cluster: {client}\nIts dashboard: {client.dashboard_link}")
        if given.quick:
            print(f"Quick: what is called a second here lasts {SECOND} s")
        lesson = Lesson(client, documents, given.points, pictures)
        try:
            for section in SECTIONS:
                section(lesson)
        except WrongResult as wrong:
            print(f"lesson: wrong result: {wrong}", file=sys.stderr)
            return 1
        summarize(lesson.tables)
        print(f"\nAll results are right. The pictures are in {pictures}")
        linger(client)
    return 0


def linger(client: Client) -> None:
    """Keeps the cluster while somebody looks at its dashboard, if somebody is there to end it."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        print(f"The dashboard of this cluster: {client.dashboard_link}")
        with contextlib.suppress(EOFError, KeyboardInterrupt):
            input("Enter ends it. ")


if __name__ == "__main__":
    sys.exit(main())
