"""What the dashboard costs a cluster at full load, and an idle one: with no page open, with one, with ten.

    python benches/dashboard.py [--rounds N] [--workload NAME ...]

The conditions take turns, so that whatever else changes on the machine meets all of them. Pages are
WebSockets that read everything (`open_pages.py`); a browser draws on top of that, on whatever processor it
has.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from listing import listing
from sides import RaskWatched

HERE = Path(__file__).parent
PAGES = (0, 1, 10)
RUNS = {"map": 100_000, "monte-carlo": 100_000, "tree": 65_536}
IDLE_S = 20.0


@contextlib.contextmanager
def open_pages(count: int, link: str):
    """So many pages are open meanwhile."""
    if not count:
        yield
        return
    command = [sys.executable, str(HERE / "open_pages.py"), str(count), link]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the pages could not be opened")
        yield
        process.stdin.close()


def cpu_s(pid: int) -> float:
    """Processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def at_load(side, names: list[str], rounds: int) -> None:
    """A table: microseconds per task, and how they compare with those without a page."""
    link = side.client.dashboard_link
    print(f"| workload | n | {' | '.join(f'{pages} pages' for pages in PAGES)} | 1 : 0 | 10 : 0 |")
    print("|---" * (len(PAGES) + 4) + "|")
    for name in names:
        n = RUNS[name]
        run = listing()[name].families["graph"]
        for _ in range(3):
            run(side, n)
        took = {pages: [] for pages in PAGES}
        for turn in range(rounds):
            order = PAGES[turn % len(PAGES) :] + PAGES[: turn % len(PAGES)]
            for pages in order:
                with open_pages(pages, link):
                    took[pages] += [run(side, n).figures["µs/task"] for _ in range(3)]
        middle = {pages: statistics.median(took[pages]) for pages in PAGES}
        cells = [f"{middle[pages]:.3f} ({min(took[pages]):.3f})" for pages in PAGES]
        cells += [f"{middle[pages] / middle[0]:.3f}" for pages in PAGES[1:]]
        print(f"| {name} | {n} | {' | '.join(cells)} |", flush=True)


def at_rest(side) -> None:
    """Processor time of the scheduler's process while nothing happens, in percent of one core."""
    print("\n| idle scheduler | processor |\n|---|---|")
    for pages in PAGES:
        with open_pages(pages, side.client.dashboard_link):
            time.sleep(1.0)
            before = cpu_s(side.scheduler_pid)
            time.sleep(IDLE_S)
            share = (cpu_s(side.scheduler_pid) - before) / IDLE_S
        print(f"| {pages} pages | {100 * share:.2f} % |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--workload", action="append", choices=sorted(RUNS))
    options = parser.parse_args()
    side = RaskWatched()
    side.start()
    try:
        at_load(side, options.workload or list(RUNS), options.rounds)
        at_rest(side)
    finally:
        side.close()


if __name__ == "__main__":
    os.environ.setdefault("RASK_BENCH_SCHEDULER", str(HERE.parent / "target/release/rask"))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    main()
