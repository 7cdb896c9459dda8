"""Where the time of a task goes: processor time of each thread that takes part, in µs per task.

    python benches/breakdown.py

A cluster as `compare.py` measures it: the scheduler's process, two workers of one thread, TCP. The sum of a
line is what a task costs all cores together; the wall time is more than half of it where one thread waits for
another. The kernel counts a thread's time in hundredths of a second, so each workload runs for some seconds.
"""

import os
import sys
from pathlib import Path

from listing import listing
from measure import MICRO, Timed
from sides import RaskTcp

# Workload, size, how many runs.
RUNS = (
    ("monte-carlo", 100_000, 15),
    ("map", 100_000, 15),
    ("submit", 100_000, 10),
    ("tree", 16_384, 40),
    ("chain-delayed", 5_000, 60),
    ("matmul", 34, 10),
)
THREADS = {
    "client": "client: the program",
    "rask-client": "client: reactor",
    "rask-scheduler": "scheduler",
    "rask-worker": "worker: reactor",
    "executing": "worker: tasks",
}


def seconds(pids: dict[str, list[int]]) -> dict[str, float]:
    """Processor time so far, by kind of thread."""
    found = dict.fromkeys(THREADS, 0.0)
    for process, ids in pids.items():
        for pid in ids:
            for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
                name, _, fields = stat.read_text().partition("(")[2].rpartition(")")
                user, system = fields.split()[11:13]
                kind = _kind(process, name, stat.parent.name == str(pid))
                if kind:
                    found[kind] += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return found


def _kind(process: str, thread: str, is_main: bool) -> str | None:
    if thread in THREADS:
        return thread
    if process == "client":
        return "client" if is_main else None
    # Python names its threads for itself alone: those of a worker that are not the main one.
    return "executing" if process == "worker" and not is_main else None


def main() -> None:
    side = RaskTcp()
    side.start()
    pids = {"client": [os.getpid()], "scheduler": [side.scheduler_pid], "worker": side.worker_pids()}
    print(f"| workload | n | wall | {' | '.join(THREADS.values())} | sum |")
    print("|---" * (len(THREADS) + 4) + "|")
    try:
        for name, n, repeats in RUNS:
            run = listing()[name].families["graph"]
            tasks = run(side, n).executions
            before = seconds(pids)
            with Timed() as timed:
                wall = sum(run(side, n).figures["s"] for _ in range(repeats))
            after = seconds(pids)
            spent = [(after[kind] - before[kind]) / repeats / tasks * MICRO for kind in THREADS]
            cells = " | ".join(
                f"{value:.2f}" for value in [wall / repeats / tasks * MICRO, *spent, sum(spent)]
            )
            print(f"| {name} | {n} | {cells} |", flush=True)
            print(f"  {name}: {timed.seconds:.1f} s", file=sys.stderr)
    finally:
        side.close()


if __name__ == "__main__":
    os.environ.setdefault("RASK_BENCH_SCHEDULER", str(Path(__file__).parents[1] / "target/release/rask"))
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    main()
