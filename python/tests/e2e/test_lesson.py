"""The cells of the lesson, as a student fills them in; short sleeps, real worker processes."""

from __future__ import annotations

import math
import random
import time

from .peer import compute, delayed, rask_only, wait
from .tasks import append, dec, inc, meet

PAUSE_S = 0.2


def slow_increment(x):
    time.sleep(PAUSE_S)
    return x + 1


def slow_decrement(x):
    time.sleep(PAUSE_S)
    return x - 1


def slow_add(x, y):
    time.sleep(PAUSE_S)
    return x + y


def test_the_first_example(client):
    x = delayed(slow_increment)(1)
    y = delayed(slow_decrement)(2)
    z = delayed(slow_add)(x, y)
    assert z.compute() == 3


def test_increment_and_decrement_overlap(client, note_path):
    """Why the first example takes two thirds of the time: neither ends before the other has begun."""
    x, y = (delayed(meet)(note_path, 2, value) for value in (2, 1))
    z = delayed(slow_add)(x, y)
    assert z.compute() == 3


def test_futures(client):
    future = client.submit(inc, 1)
    assert client.gather(future) == 2
    new_data = client.gather(client.map(inc, [0, 1, 2, 3, 4, 5, 6, 7, 8]))
    assert new_data == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    new_future = client.map(inc, new_data)
    wait(new_future)
    assert client.gather(new_future) == [2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_futures_of_futures(client):
    x = client.submit(inc, 1)
    y = client.submit(dec, 2)
    total = client.submit(slow_add, x, y)
    assert "Future" in str(total) and total.key in str(total)
    assert client.gather(total) == 3


def add_rand(x):
    return x + random.random()


def mult_ten(x):
    return x * 10


DATA = [1, 2, 3, 4, 5, 6, 7, 8]


def in_range(total):
    return 360 <= total <= 440


def test_exercise_1_lazy(client):
    results = []
    for x in DATA:
        results.append(delayed(mult_ten)(delayed(add_rand)(x)))
    total = delayed(sum)(results)
    assert in_range(total.compute())


@rask_only
def test_exercise_1_computed_again_draws_again(client):
    """In Dask a second `compute` on the heels of the first may find the first one's task, and its number."""
    total = delayed(sum)([delayed(add_rand)(x) for x in DATA])
    assert len({total.compute() for _ in range(5)}) == 5


def test_exercise_1_eager(client):
    results = []
    for x in DATA:
        y = client.submit(add_rand, x)
        results.append(client.submit(mult_ten, y))
    assert in_range(client.gather(client.submit(sum, results)))


def test_exercise_1_mapped(client):
    y = client.map(add_rand, DATA)
    z = client.map(mult_ten, y)
    assert in_range(client.gather(client.submit(sum, z)))


def test_random_numbers_differ_between_tasks(client):
    values = client.gather(client.map(lambda _: random.random(), range(50), pure=False))
    assert len(set(values)) == 50


def reduce_pairwise(values, plus):
    while len(values) > 1:
        reduced = []
        for i in range(0, len(values), 2):
            reduced.append(plus(values[i], values[i + 1] if i + 1 < len(values) else 0))
        values = reduced
    return values[0]


def test_exercise_2(client):
    """Eleven additions in four layers."""
    total = reduce_pairwise([1, 2, 3, 4, 5, 6, 7, 8, 9], delayed(slow_add))
    assert total.compute() == 45


def test_exercise_2_eager(client):
    total = reduce_pairwise([1, 2, 3, 4, 5, 6, 7, 8, 9], lambda a, b: client.submit(slow_add, a, b))
    assert total.result() == 45


def count_words(text):
    return len(text.split())


def test_exercise_3(client):
    documents = [" ".join(["word"] * (i % 17)) for i in range(200)]
    expected = sum(i % 17 for i in range(200))
    lazy = delayed(sum)([delayed(count_words)(d) for d in documents])
    assert lazy.compute() == expected
    assert client.submit(sum, client.map(count_words, documents)).result() == expected


def fibonacci_delayed(num):
    fibonacci = delayed(append)([], 1)
    if num > 1:
        fibonacci = delayed(append)(fibonacci, 1)
    for i in range(1, num - 1):
        fibonacci = delayed(append)(fibonacci, fibonacci[i] + fibonacci[i - 1])
    return fibonacci


def test_exercise_4(client):
    result = fibonacci_delayed(17)
    assert result.compute() == [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597]


def test_exercise_4_reading_shared_lists(client):
    """Every item that the chain reads is read from the list as it was then, however often the whole is
    computed."""
    result = fibonacci_delayed(8)
    assert compute(result, result[3], result) == ([1, 1, 2, 3, 5, 8, 13, 21], 3, [1, 1, 2, 3, 5, 8, 13, 21])


def curve(x):
    return math.sin(1 / (x * (2 - x))) ** 2


def pass_function():
    x = 2 * random.random()
    y = random.random()
    return 1 if y < curve(x) else 0


AREA = 1.4514


def test_exercise_5(client):
    n = 300
    count = [delayed(pass_function)() for _ in range(n)]
    integral = 2 * delayed(sum)(count) / n
    assert abs(integral.compute() - AREA) < 0.3


@rask_only
def test_exercise_5_at_100_000_points(client):
    """What the lesson must warn its readers of; here it is a matter of a tenth of a second."""
    n = 100_000
    integral = 2 * delayed(sum)([delayed(pass_function)() for _ in range(n)]) / n
    assert abs(integral.compute() - AREA) < 0.02


def test_exercise_5_decorated(client):
    @delayed
    def point(x, y):
        return 1 if y < curve(x) else 0

    n = 300
    points = [point(2 * random.random(), random.random()) for _ in range(n)]
    assert abs((2 * delayed(sum)(points) / n).compute() - AREA) < 0.3


def inside(_):
    return random.random() ** 2 + random.random() ** 2 < 1


def test_exercise_6(client):
    hits = client.map(inside, range(400), pure=False)
    assert abs(4 * client.submit(sum, hits).result() / 400 - math.pi) < 0.5


def test_two_lazy_results_at_once(client):
    x, y = delayed(inc)(1), delayed(dec)(1)
    assert compute(x, y, x + y) == (2, 0, 2)


def test_the_graph_of_the_first_example():
    z = delayed(slow_add)(delayed(slow_increment)(1), delayed(slow_decrement)(2))
    assert sorted(key.split("-")[0] for key in z.dask) == ["slow_add", "slow_decrement", "slow_increment"]
    assert "slow_add" in z.dask._repr_html_()
