"""All workloads, in the order of the table."""

import apart
import workloads
from functions import count_words, inc
from measure import Workload


def listing() -> dict[str, Workload]:
    """All workloads by name."""
    map_gather = workloads.mapped(lambda side, xs: side.client.gather(side.client.map(inc, xs)))
    submit = workloads.mapped(lambda side, xs: side.client.gather([side.client.submit(inc, x) for x in xs]))
    pool_map = workloads.mapped(lambda side, xs: side.each(inc, xs))
    loop = workloads.mapped(lambda side, xs: [inc(x) for x in xs])
    chain = workloads.chain(workloads.chain_plain)
    words_loop = workloads.words(lambda side, texts: sum([count_words(text) for text in texts]))
    words_pool = workloads.words(lambda side, texts: sum(side.each(count_words, texts)))
    of_size = (1_000, 10_000, 100_000, 1_000_000)

    def three(*runs):
        return dict(zip(("graph", "pool", "plain"), runs, strict=True))

    def four(graph, each, plain):
        return {**three(graph, each, plain), "mapper": each}

    everything = [
        Workload(
            "monte-carlo",
            "Monte Carlo, one point a task, by `delayed`, and their `sum`",
            of_size,
            "µs/task",
            four(workloads.monte_carlo, workloads.monte_carlo_pool, workloads.monte_carlo_plain),
            lazy_only=True,
        ),
        Workload("map", "`map(inc)` and `gather`", of_size, "µs/task", four(map_gather, pool_map, loop)),
        Workload(
            "submit",
            "a loop of `submit(inc, i)` and `gather`",
            (10_000, 100_000),
            "µs/task",
            three(submit, workloads.submit_pool, loop),
        ),
        Workload(
            "latency",
            "`submit(inc, i).result()`",
            (2_000,),
            "p50 µs",
            {
                "graph": workloads.latency(lambda side, i: side.client.submit(inc, i).result()),
                "pool": workloads.latency(lambda side, i: side.call(inc, i).result()),
            },
        ),
        Workload(
            "chain-delayed",
            "a chain by `delayed`",
            (5_000,),
            "µs/task",
            {"graph": workloads.chain(workloads.chain_delayed), "plain": chain},
            lazy_only=True,
        ),
        Workload(
            "chain-submit",
            "a chain by `submit`",
            (5_000,),
            "µs/task",
            {"graph": workloads.chain(workloads.chain_submit), "plain": chain},
        ),
        Workload(
            "chain-waiting",
            "a chain, each link's result awaited before the next",
            (5_000,),
            "µs/task",
            three(
                workloads.chain(workloads.chain_one_at_a_time), workloads.chain(workloads.chain_pool), chain
            ),
        ),
        Workload(
            "tree",
            "a sum by pairs, by `delayed`",
            (16_384,),
            "µs/task",
            {"graph": workloads.tree, "plain": workloads.tree_plain},
            warm_n=64,
            lazy_only=True,
        ),
        Workload(
            "matmul",
            "a product of matrices, n³ + 3n² blocks, by `delayed`",
            (34,),
            "µs/task",
            {"graph": workloads.matmul},
            warm_n=4,
            lazy_only=True,
        ),
        Workload(
            "words-delayed",
            "word count over the lesson's documents, by `delayed`",
            (8_264,),
            "s",
            four(workloads.words(workloads.words_delayed), words_pool, words_loop),
            lazy_only=True,
        ),
        Workload(
            "words-map",
            "word count over the lesson's documents, by `map`",
            (8_264,),
            "s",
            four(workloads.words(workloads.words_map), words_pool, words_loop),
        ),
        Workload(
            "data",
            "an array of n MB",
            (100,),
            "worker→worker GB/s",
            {"graph": workloads.data, "pool": workloads.data_pool},
            warm_n=100,
        ),
    ]
    return {workload.name: workload for workload in [*everything, *apart.listing()]}
