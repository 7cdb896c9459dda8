"""Workloads that measure something else than the time of tasks: start-up, memory, fairness, the METG."""

import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from functions import inc, spin
from measure import MICRO, Outcome, Timed, Workload, fresh

HERE = Path(__file__).parent


# --- start-up -----------------------------------------------------------------------------------------------


def start_up(side, _n):
    """A program of its own, from its first import on."""
    package = getattr(side, "package", "")
    command = [sys.executable, str(HERE / "start_up.py"), package or type(side).__name__]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Outcome(0, json.loads(done.stdout.splitlines()[-1]))


# --- memory -------------------------------------------------------------------------------------------------


def rss_bytes(pid: int) -> int:
    """What a process has in memory, shared pages included."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory(side, n):
    """Idle, then with `n` finished futures held: bytes a future in each kind of process."""
    client = side.client

    def measure() -> dict[str, float]:
        time.sleep(1)
        pids = side.worker_pids()
        found = {"client": rss_bytes(os.getpid()), "worker": sum(map(rss_bytes, pids)) / len(pids)}
        if side.scheduler_pid is not None:
            found["scheduler"] = rss_bytes(side.scheduler_pid)
        return found

    client.gather(client.map(inc, fresh(100)))
    idle = measure()
    figures = {f"idle {who} MB": size / 1e6 for who, size in idle.items() if who != "client"}
    futures = client.map(inc, fresh(n))
    side.distributed.wait(futures)
    held = measure()
    # Each of the two workers has run half of the tasks.
    share = {"client": n, "scheduler": n, "worker": n / 2}
    figures |= {f"held {who} B": (held[who] - idle[who]) / share[who] for who in held}
    del futures
    return Outcome(n + 100, figures)


# --- fairness -----------------------------------------------------------------------------------------------


def second_client(side, n):
    """What a second client waits for one result while the first one submits `n` tasks."""
    command = [sys.executable, str(HERE / "second_client.py"), side.package, side.address]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    other.stdout.readline()
    with Timed() as timed:
        values = side.client.gather(side.client.map(inc, fresh(n)))
    figures = json.loads(other.communicate("enough\n")[0])
    assert len(values) == n
    calls = figures.pop("calls")
    return Outcome(n + calls, {**figures, "s": timed.seconds})


# --- METG ---------------------------------------------------------------------------------------------------

CORES = 2
# Useful time of one measured run, over both cores. Long enough that a start and an end do not count.
USEFUL_S = 0.6
TASKS_MAX, TASKS_MIN = 100_000, 64
STENCIL_WIDTH = 16


def seconds_a_turn() -> float:
    """Of `spin`, by the quickest of several."""
    turns, best = 200_000, math.inf
    for _ in range(9):
        with Timed() as timed:
            spin(turns)
        best = min(best, timed.seconds)
    return best / turns


def independent(side, n, turns):
    futures = side.client.map(spin, [turns] * n, pure=False)
    side.distributed.wait(futures)
    return n


def stencil(side, n, turns):
    """Each step's tasks need three of the step before: the neighbours and the one at their own place."""
    task, width, steps = side.delayed(spin), STENCIL_WIDTH, max(2, n // STENCIL_WIDTH)
    row = [task(turns) for _ in range(width)]
    for _ in range(steps - 1):
        row = [task(turns, *row[max(0, i - 1) : i + 2]) for i in range(width)]
    side.delayed(len)(row).compute()
    return steps * width


def metg_us(side, pattern, start_us) -> float:
    """The task duration at which half of the cores' time is useful.

    Durations are halved until less than half is useful; between the last two the logarithm is interpolated.
    Task Bench, Slaughter et al., SC 2020.
    """
    turn_s = seconds_a_turn()
    before, duration_us = None, start_us
    while True:
        n = int(min(TASKS_MAX, max(TASKS_MIN, USEFUL_S * MICRO / duration_us)))
        turns = max(1, round(duration_us / MICRO / turn_s))
        efficiencies = []
        for _ in range(3):
            with Timed() as timed:
                count = pattern(side, n, turns)
            efficiencies.append(count * turns * turn_s / (CORES * timed.seconds))
        efficiency = statistics.median(efficiencies)
        if efficiency < 0.5 or duration_us < 0.2:
            break
        before, duration_us = (duration_us, efficiency), duration_us / 2
    if before is None:
        return metg_us(side, pattern, start_us * 16)
    (upper_us, upper), lower = before, efficiency
    weight = (upper - 0.5) / (upper - lower)
    return math.exp(math.log(upper_us) - weight * math.log(upper_us / duration_us))


def metg(side, _n):
    start_us = 64 if side.package == "rask" else 32_768
    figures, ran = {}, 0
    for name, pattern in {"independent": independent, "stencil": stencil}.items():
        before = side.executions()
        figures[f"{name} µs"] = metg_us(side, pattern, start_us)
        ran += side.executions() - before
    return Outcome(ran, figures)


def listing() -> list[Workload]:
    return [
        Workload(
            "start-up",
            "a new program: import, two workers ready, first result, end",
            (1,),
            "first result ms",
            {"graph": start_up, "pool": start_up, "mapper": start_up},
            needs_start=False,
            warm_n=0,
            only=("rask", "dask", "pool", "processes", "joblib"),
        ),
        Workload(
            "memory",
            "resident memory: idle, and for each of n finished futures held",
            (1_000_000,),
            "held scheduler B",
            {"graph": memory},
            sizes_of={"dask": 20_000, "dask-inf": 20_000},
            repeats_max=1,
            warm_n=0,
        ),
        Workload(
            "second-client",
            "`submit(inc, i).result()` of a second client while the first maps n tasks",
            (1_000_000,),
            "p99 ms",
            {"graph": second_client},
            only=("rask", "rask-local"),
            repeats_max=3,
        ),
        Workload(
            "metg",
            "METG(50 %): the duration of tasks at which half of the cores' time is useful",
            (1,),
            "independent µs",
            {"graph": metg},
            repeats_max=3,
            warm_n=0,
        ),
    ]
