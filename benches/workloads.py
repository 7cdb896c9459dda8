"""The workloads, each written once for each family of sides (`sides.py`) that can express it.

A function here runs its workload once and returns an `Outcome`. It times what a user would wait for: making
the tasks, running them, having the result. Arguments are never those of an earlier run, so that a side which
recognises equal calls computes them all the same.
"""

import itertools
import json
import os
from pathlib import Path

from functions import add, block_product, block_sum, corner_block, count_words, inc, ones, touch, under_curve
from measure import MICRO, Outcome, Timed, check, fresh, per_task

# --- independent tasks --------------------------------------------------------------------------------------


def monte_carlo(side, n):
    delayed = side.delayed
    with Timed() as timed:
        hits = [delayed(under_curve)() for _ in range(n)]
        total = delayed(sum)(hits).compute()
    check(0.5 * n < total < 0.95 * n, f"{total} of {n} points lie under the curve")
    return per_task(timed, n)


def monte_carlo_pool(side, n):
    with Timed() as timed:
        total = sum(side.each(under_curve, range(n)))
    check(0.5 * n < total < 0.95 * n, f"{total} of {n} points lie under the curve")
    return per_task(timed, n)


def monte_carlo_plain(_side, n):
    with Timed() as timed:
        total = sum([under_curve() for _ in range(n)])
    check(0.5 * n < total < 0.95 * n, f"{total} of {n} points lie under the curve")
    return per_task(timed, n)


def mapped(each):
    def run(side, n):
        numbers = fresh(n)
        with Timed() as timed:
            values = each(side, numbers)
        check(
            values == list(range(numbers.start + 1, numbers.stop + 1)), "inc was not mapped over the numbers"
        )
        return per_task(timed, n)

    return run


def submit_pool(side, n):
    numbers = fresh(n)
    with Timed() as timed:
        calls = [side.call(inc, i) for i in numbers]
        values = [call.result() for call in calls]
    check(values == list(range(numbers.start + 1, numbers.stop + 1)), "inc was not submitted for each number")
    return per_task(timed, n)


# --- chains, trees, graphs ----------------------------------------------------------------------------------


def pairwise(leaves, add):
    while len(leaves) > 1:
        leaves = [add(leaves[i], leaves[i + 1]) for i in range(0, len(leaves), 2)]
    return leaves[0]


def tree(side, n):
    first = fresh(n)
    delayed = side.delayed
    with Timed() as timed:
        leaves = [delayed(inc)(i) for i in first]
        total = pairwise(leaves, delayed(add)).compute()
    check(total == sum(first) + n, "the tree's sum is wrong")
    return per_task(timed, 2 * n - 1)


def tree_plain(_side, n):
    first = fresh(n)
    with Timed() as timed:
        total = pairwise([inc(i) for i in first], add)
    check(total == sum(first) + n, "the tree's sum is wrong")
    return per_task(timed, 2 * n - 1)


def chain(step):
    def run(side, n):
        first = fresh(1).start
        with Timed() as timed:
            last = step(side, first, n)
        check(last == first + n, f"a chain of {n} from {first} ends at {last}")
        return per_task(timed, n)

    return run


def chain_delayed(side, x, n):
    link = side.delayed(inc)
    for _ in range(n):
        x = link(x)
    return x.compute()


def chain_submit(side, x, n):
    submit = side.client.submit
    for _ in range(n):
        x = submit(inc, x)
    return x.result()


def chain_one_at_a_time(side, x, n):
    submit = side.client.submit
    for _ in range(n):
        x = submit(inc, x).result()
    return x


def chain_pool(side, x, n):
    for _ in range(n):
        x = side.call(inc, x).result()
    return x


def chain_plain(_side, x, n):
    for _ in range(n):
        x = inc(x)
    return x


def matmul(side, n):
    """C = A B in blocks, n by n of them, each of 2 by 2 numbers: 2n² blocks, n³ products, n² sums."""
    delayed = side.delayed
    block, product, total = delayed(corner_block), delayed(block_product), delayed(block_sum)
    with Timed() as timed:
        a, b = ([[block(i + shift, j) for j in range(n)] for i in range(n)] for shift in (0, 7))
        c = [total([product(a[i][k], b[k][j]) for k in range(n)]) for i in range(n) for j in range(n)]
        (blocks,) = _compute(side, c)
    check(blocks == matmul_expected(n), "the product of the matrices is wrong")
    return per_task(timed, n**3 + 3 * n**2)


def _compute(side, values):
    return __import__(side.package).compute(values)


def matmul_expected(n):
    a, b = ([[corner_block(i + shift, j) for j in range(n)] for i in range(n)] for shift in (0, 7))
    pairs = itertools.product(range(n), range(n))
    return [block_sum([block_product(a[i][k], b[k][j]) for k in range(n)]) for i, j in pairs]


# --- latency ------------------------------------------------------------------------------------------------


def latency(once):
    def run(side, n):
        took = []
        for i in fresh(n):
            with Timed() as timed:
                value = once(side, i)
            check(value == i + 1, f"inc({i}) gave {value}")
            took.append(timed.seconds * MICRO)
        took.sort()
        return Outcome(n, {"p50 µs": took[n // 2], "p99 µs": took[n * 99 // 100]})

    return run


# --- words --------------------------------------------------------------------------------------------------


def documents() -> list[str]:
    """The lesson's documents, newly read: no side keeps the strings of its last run."""
    return json.loads(Path(os.environ["RASK_BENCH_DOCUMENTS"]).read_text())


def words(count):
    expected: dict[int, int] = {}

    def run(side, n):
        texts = documents()[:n]
        if n not in expected:
            expected[n] = sum(len(text.split()) for text in texts)
        with Timed() as timed:
            total = count(side, texts)
        check(total == expected[n], f"counted {total} words of {expected[n]}")
        return per_task(timed, len(texts))

    return run


def words_delayed(side, texts):
    delayed = side.delayed
    return delayed(sum)([delayed(count_words)(text) for text in texts]).compute()


def words_map(side, texts):
    return side.client.submit(sum, side.client.map(count_words, texts, pure=False), pure=False).result()


# --- large values -------------------------------------------------------------------------------------------


def data(side, n):
    """`n` megabytes from worker to worker, out to a worker, and back."""
    import numpy

    client, wait = side.client, side.distributed.wait
    first, second = client.scheduler_info()["workers"]
    items, gigabytes = n * 125_000, n / 1000
    figures = {}
    made = client.submit(ones, items, workers=[first], pure=False)
    wait(made)
    with Timed() as timed:
        total = client.submit(touch, made, workers=[second], pure=False).result()
    check(total == len(range(0, items, 512)), "the array has changed on its way to another worker")
    figures["worker→worker GB/s"] = gigabytes / timed.seconds
    made = client.submit(ones, items, workers=[first], pure=False)
    wait(made)
    with Timed() as timed:
        array = made.result()
    check(array.shape == (items,) and array[-1] == 1, "the array has changed on its way to the client")
    figures["gather GB/s"] = gigabytes / timed.seconds
    number = fresh(1).start
    array = numpy.full(items, float(number))
    with Timed() as timed:
        scattered = client.scatter(array, workers=[second])
        wait(scattered)
    figures["scatter GB/s"] = gigabytes / timed.seconds
    total = client.submit(touch, scattered, pure=False).result()
    check(total == number * len(range(0, items, 512)), "the array has changed on its way from the client")
    return Outcome(4, figures)


def data_pool(side, n):
    with Timed() as timed:
        array = side.call(ones, n * 125_000).result()
    check(array[-1] == 1, "the array has changed on its way to the client")
    return Outcome(1, {"gather GB/s": n / 1000 / timed.seconds})
