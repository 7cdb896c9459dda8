"""How many values stay alive in rask's order and in Dask's, on usual and on random graphs.

    cargo build --release -p rask-graph --example order_pressure
    python compare_with_dask.py PATH_TO/order_pressure [--shuffled]

Needs dask, and with numpy and pandas installed also judges graphs of dask.array and dask.dataframe. One line
per graph: nodes, then the peak (and the mean) of values alive in rask's order, in Dask's, their ratio, and
times. With --shuffled the nodes are numbered at random, so that neither order profits from the way a graph
was written.
"""

import random
import subprocess
import sys
import time

from dask.core import get_dependencies
from dask.order import order as dask_order


def build(edges_of):
    """A dict name -> list of names, in the order of insertion."""
    graph = {}

    def add(name, *dependencies):
        graph[name] = list(dict.fromkeys(dependencies))
        return name

    edges_of(add)
    return graph


def tree(add, leaves, arity=2, name="t"):
    level = leaves
    depth = 0
    while len(level) > 1:
        depth += 1
        level = [add((name, depth, i), *level[i : i + arity]) for i in range(0, len(level), arity)]
    return level[0]


def shapes():
    def tree_reduction(n, arity):
        return lambda add: tree(add, [add(("load", i)) for i in range(n)], arity)

    def map_reduce(n):
        return lambda add: add("sum", *[add(("f", i), add(("load", i))) for i in range(n)])

    def map_tree(n):
        return lambda add: tree(add, [add(("f", i), add(("load", i))) for i in range(n)], 4)

    def chains(n, length):
        def edges(add):
            for i in range(n):
                last = add((i, 0))
                for j in range(1, length):
                    last = add((i, j), last)

        return edges

    def chains_by_level(n, length):
        def edges(add):
            level = [add((0, i)) for i in range(n)]
            for j in range(1, length):
                level = [add((j, i), level[i]) for i in range(n)]
            add("sum", *level)

        return edges

    def stencil(n, steps, collect):
        def edges(add):
            level = [add((0, i)) for i in range(n)]
            for t in range(1, steps):
                level = [add((t, i), *[level[j] for j in (i - 1, i, i + 1) if 0 <= j < n]) for i in range(n)]
            if collect:
                tree(add, level, 4)

        return edges

    def stencil2d(n, steps):
        def edges(add):
            level = {(i, j): add((0, i, j)) for i in range(n) for j in range(n)}
            for t in range(1, steps):
                level = {
                    (i, j): add(
                        (t, i, j),
                        *[
                            level[i + a, j + b]
                            for a in (-1, 0, 1)
                            for b in (-1, 0, 1)
                            if (i + a, j + b) in level
                        ],
                    )
                    for i, j in level
                }

        return edges

    def matmul(n, collect=False):
        def edges(add):
            a = {(i, j): add(("a", i, j)) for i in range(n) for j in range(n)}
            b = {(i, j): add(("b", i, j)) for i in range(n) for j in range(n)}
            c = []
            for i in range(n):
                for j in range(n):
                    parts = [add(("p", i, j, k), a[i, k], b[k, j]) for k in range(n)]
                    c.append(add(("c", i, j), *parts))
            if collect:
                tree(add, c, 4)

        return edges

    def load_many(n, uses):
        def edges(add):
            for i in range(n):
                load = add(("load", i))
                for j in range(uses):
                    add(("out", i, j), add(("use", i, j), load))

        return edges

    def load_many_sum(n, uses):
        def edges(add):
            parts = []
            for i in range(n):
                load = add(("load", i))
                parts.append(add(("part", i), *[add(("use", i, j), load) for j in range(uses)]))
            tree(add, parts, 2)

        return edges

    def two_reductions(n, second_input):
        def edges(add):
            loads = [add(("load", i)) for i in range(n)]
            first = [add(("f", i), loads[i]) for i in range(n)]
            if second_input:
                other = [add(("w", i), add(("open", i))) for i in range(n)]
                second = [add(("g", i), loads[i], other[i]) for i in range(n)]
            else:
                second = [add(("g", i), loads[i]) for i in range(n)]
            tree(add, first, 4, "mean")
            tree(add, second, 4, "var")

        return edges

    def shuffle(n, m):
        def edges(add):
            loads = [add(("load", i)) for i in range(n)]
            splits = [[add(("split", i, j), loads[i]) for j in range(m)] for i in range(n)]
            for j in range(m):
                add(("merge", j), *[splits[i][j] for i in range(n)])

        return edges

    def anomaly(n, length):
        def edges(add):
            xs = []
            for i in range(n):
                x = add(("x", i, 0))
                for j in range(1, length):
                    x = add(("x", i, j), x)
                xs.append(x)
            mean = tree(add, xs, 4, "mean")
            out = [add(("d", i), xs[i], mean) for i in range(n)]
            tree(add, [add(("sq", i), d) for i, d in enumerate(out)], 4, "std")

        return edges

    def fibonacci(n):
        def edges(add):
            a, b = add(0), add(1)
            for i in range(2, n):
                a, b = b, add(i, a, b)

        return edges

    def butterfly(bits):
        def edges(add):
            n = 1 << bits
            level = [add((0, i)) for i in range(n)]
            for t in range(bits):
                level = [add((t + 1, i), level[i], level[i ^ (1 << t)]) for i in range(n)]

        return edges

    def cholesky(n):
        def edges(add):
            a = {(i, j): add(("a", i, j)) for i in range(n) for j in range(i + 1)}
            for k in range(n):
                a[k, k] = add(("potrf", k), a[k, k])
                for i in range(k + 1, n):
                    a[i, k] = add(("trsm", i, k), a[i, k], a[k, k])
                for i in range(k + 1, n):
                    for j in range(k + 1, i + 1):
                        a[i, j] = add(("gemm", i, j, k), a[i, j], a[i, k], a[j, k])

        return edges

    def prefix_sum(n):
        def edges(add):
            total = None
            for i in range(n):
                x = add(("x", i), add(("load", i)))
                s = add(("s", i), x)
                total = s if total is None else add(("total", i), total, s)
                add(("out", i), x, total)

        return edges

    def random_layers(n, width, degree, seed):
        def edges(add):
            draw = random.Random(seed)
            level = [add((0, i)) for i in range(width)]
            for t in range(1, n // width):
                level = [
                    add((t, i), *draw.sample(level, min(len(level), draw.randint(1, degree))))
                    for i in range(width)
                ]

        return edges

    def random_near(n, reach, degree, seed):
        def edges(add):
            draw = random.Random(seed)
            for i in range(n):
                low = max(0, i - reach)
                count = min(i - low, draw.randint(0, degree))
                add(i, *draw.sample(range(low, i), count))

        return edges

    def random_tree(n, seed):
        def edges(add):
            draw = random.Random(seed)
            alive = []
            for i in range(n):
                taken = []
                for _ in range(min(len(alive), draw.choice([0, 0, 1, 1, 2, 3]))):
                    taken.append(alive.pop(draw.randrange(len(alive))))
                alive.append(add(i, *taken))
            add("root", *alive)

        return edges

    yield "binary tree 64", tree_reduction(64, 2)
    yield "binary tree 1000", tree_reduction(1000, 2)
    yield "4-ary tree 1000", tree_reduction(1000, 4)
    yield "map-reduce 500", map_reduce(500)
    yield "map + tree 500", map_tree(500)
    yield "chains 20x20", chains(20, 20)
    yield "chains to sum 20x20", chains_by_level(20, 20)
    yield "stencil 50x8", stencil(50, 8, False)
    yield "stencil 100x4 + tree", stencil(100, 4, True)
    yield "stencil2d 8x8x4", stencil2d(8, 4)
    yield "matmul 5", matmul(5)
    yield "matmul 8", matmul(8)
    yield "matmul 6 + tree", matmul(6, True)
    yield "load 10 -> 20 uses", load_many(10, 20)
    yield "load 30 -> 10 -> tree", load_many_sum(30, 10)
    yield "mean + var 100", two_reductions(100, False)
    yield "mean + weighted 100", two_reductions(100, True)
    yield "shuffle 16x16", shuffle(16, 16)
    yield "shuffle 8x32", shuffle(8, 32)
    yield "anomaly 50x3", anomaly(50, 3)
    yield "fibonacci 100", fibonacci(100)
    yield "butterfly 6", butterfly(6)
    yield "cholesky 8", cholesky(8)
    yield "prefix sum 100", prefix_sum(100)
    for seed in range(5):
        yield f"random layers {seed}", random_layers(400, 20, 3, seed)
    for seed in range(5):
        yield f"random near {seed}", random_near(400, 30, 3, seed)
    for seed in range(3):
        yield f"random wide {seed}", random_near(400, 400, 2, seed)
    for seed in range(5):
        yield f"random tree {seed}", random_tree(400, seed)


def collections():
    """Graphs as dask.array and dask.dataframe make them."""
    try:
        import dask.array as da
        import dask.dataframe as dd
        import pandas as pd
    except ImportError:
        return

    def graph_of(collection, optimize=True):
        import dask

        if optimize:
            (collection,) = dask.optimize(collection)
        dsk = dict(collection.__dask_graph__())
        return {key: sorted(get_dependencies(dsk, key), key=str) for key in dsk}

    def array(n, chunk):
        return da.random.random((n, n), chunks=(chunk, chunk))

    x = array(100, 10)
    yield "da sum", graph_of(x.sum())
    yield "da mean axis 0", graph_of(x.mean(axis=0))
    yield "da (x - mean).std", graph_of((x - x.mean(axis=0)).std(axis=0))
    yield "da x @ x.T", graph_of(x @ x.T)
    yield "da (x @ y).sum", graph_of((x @ array(100, 10)).sum())
    yield "da x + x.T", graph_of((x + x.T).sum(axis=0))
    yield "da rechunk", graph_of(x.rechunk((100, 5)).sum(axis=0))
    yield "da rechunk rows", graph_of(array(80, 8).rechunk((80, 8)).map_blocks(abs))
    yield "da overlap", graph_of(x.map_overlap(lambda b: b, depth=1, boundary="periodic"))
    yield "da overlap sum", graph_of(x.map_overlap(lambda b: b, depth=1, boundary="none").sum())
    yield "da cumsum", graph_of(x.cumsum(axis=0))
    tall = array(200, 20).rechunk((20, 200))
    yield "da svd_compressed", graph_of(da.linalg.svd_compressed(tall, 5, seed=1)[0])
    yield "da qr", graph_of(da.linalg.qr(da.random.random((400, 10), chunks=(20, 10)))[0])
    yield "da cholesky", graph_of(da.linalg.cholesky(array(60, 10)))
    table = pd.DataFrame({"a": range(1000), "b": [i % 7 for i in range(1000)]})
    frame = dd.from_pandas(table, npartitions=20)
    yield "dd groupby", graph_of(frame.groupby("b").a.mean(), False)
    yield "dd shuffle", graph_of(frame.shuffle("b"), False)
    yield "dd merge", graph_of(frame.merge(frame, on="b"), False)
    yield "dd describe", graph_of(frame.describe(), False)


def judge(program, graph, names):
    number = {name: i for i, name in enumerate(names)}
    # Dask breaks ties by the name's text: zero-padded numbers let it see the same order as rask.
    as_dask = {f"{number[name]:09}": [f"{number[d]:09}" for d in graph[name]] for name in names}
    from dask.task_spec import List, TaskRef

    start = time.perf_counter()
    priorities = dask_order({k: List(*map(TaskRef, v)) for k, v in as_dask.items()})
    dask_time = (time.perf_counter() - start) / max(1, len(names)) * 1e9
    lines = [str(len(names))]
    lines += [" ".join(str(number[d]) for d in graph[name]) for name in names]
    lines.append(" ".join(str(int(priorities[f"{i:09}"])) for i in range(len(names))))
    out = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True)
    return [list(map(float, line.split())) for line in out.stdout.splitlines()], dask_time


def main():
    program = sys.argv[1]
    shuffled = "--shuffled" in sys.argv
    cases = [(name, build(edges)) for name, edges in shapes()] + list(collections())
    product, worst, product_mean = 1.0, 0.0, 1.0
    print(f"{'graph':24} {'nodes':>6} | {'sinks let go':^31} | {'sinks kept':^14} | ns/node rask, dask")
    for name, graph in cases:
        names = list(graph)
        if shuffled:
            random.Random(0).shuffle(names)
        (rask, dask), dask_time = judge(program, graph, names)
        ratio = rask[0] / dask[0]
        product *= ratio
        product_mean *= rask[1] / dask[1]
        worst = max(worst, ratio)
        flag = "  <--" if ratio > 1 or rask[2] > dask[2] else ""
        print(
            f"{name:24} {len(names):6} | {rask[0]:5.0f} ({rask[1]:6.1f}) {dask[0]:5.0f} ({dask[1]:6.1f})"
            f" {ratio:5.2f}"
            f" | {rask[2]:5.0f} {dask[2]:5.0f}    | {rask[4]:5.0f} {dask_time:6.0f}{flag}"
        )
    n = len(cases)
    print(
        f"{n} graphs: geometric mean of peak ratios {product ** (1 / n):.3f},"
        f" of mean ratios {product_mean ** (1 / n):.3f}; worst peak ratio {worst:.2f}"
    )


if __name__ == "__main__":
    main()
