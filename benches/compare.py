"""The same workloads on rask and on its peers, in one run, turn by turn.

    python benches/compare.py --peer dask --peer pool --workload map --workload monte-carlo
    python benches/compare.py --in-process
    make bench

Each side is a process of its own (`side.py`), rask's in the project's environment, the peers' in one of
theirs, which is made when it is missing. For each workload and size the sides take turns, two of several runs
each, and only the side whose turn it is is up. The table shows medians, and how many times rask's figure a
peer's is. A side that would need too long for a size is left out there, and the table says so. Tasks are
counted where they run; a side that ran another number than it was asked for is an error, not a row.
"""

import argparse
import compileall
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from listing import listing
from measure import Workload
from report import Cell, Row, report
from sides import SIDES

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = ROOT / ".venv-peers"
OURS = ("rask", "rask-local", "rask-threads")
PEER_SIDES = {
    "dask": ("dask", "dask-inf"),
    "pool": ("pool",),
    "processes": ("processes",),
    "joblib": ("joblib",),
    "threads": ("threads",),
    "dask-threads": ("dask-threads",),
}
# Each side is started so often for each size, and has its share of the runs each time.
TURNS = 2
# Sides that only lazy workloads can be written for.
LAZY_SIDES = ("dask-threads",)
IN_PROCESS = ("rask-threads", "dask-threads", "threads", "plain")
IN_PROCESS_WORKLOADS = (
    "monte-carlo",
    "map",
    "submit",
    "latency",
    "chain-delayed",
    "tree",
    "words-delayed",
    "words-map",
)


class SideProcess:
    """A side that answers one question at a time."""

    def __init__(self, name: str, python: Path, environment: dict[str, str]):
        self.name = name
        self.process = subprocess.Popen(
            [python, HERE / "side.py", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("RASK_BENCH_VERBOSE") else subprocess.DEVNULL,
            text=True,
            env={**os.environ, **environment},
        )

    def run(self, workload: Workload, n: int) -> dict:
        try:
            print(json.dumps({"run": workload.name, "n": n}), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": f"the process ended with {self.process.wait()}"}

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def peers_python(names: list[str]) -> Path:
    """The interpreter of the peers' environment, made if it is missing or was made for other versions."""
    python, made = PEERS / "bin" / "python", PEERS / ".made"
    wanted = (ROOT / "requirements" / "peers.txt").read_text()
    if not (made.exists() and made.read_text() == wanted):
        print(f"installing {', '.join(names)} into {PEERS.name} …", file=sys.stderr)
        venv.create(PEERS, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        subprocess.run([*pip, "-r", ROOT / "requirements" / "peers.txt"], check=True)
        made.write_text(wanted)
    return python


def fits(workload: Workload, side: str) -> bool:
    family = SIDES[side]().family
    return (
        family in workload.families
        and (workload.only is None or side in workload.only)
        and (workload.lazy_only or side not in LAZY_SIDES)
    )


@dataclass
class Sides:
    """The sides that a workload is for. One at a time is up: the others' idle clusters would cost it time."""

    names: list[str]
    python: dict[str, Path]
    environment: dict[str, str]

    @contextlib.contextmanager
    def up(self, name: str, workload: Workload) -> Iterator[SideProcess]:
        """A side that has run the workload once, if that makes a difference."""
        side = SideProcess(name, self.python[name], self.environment)
        try:
            if workload.warm_n:
                side.run(workload, workload.warm_n)
            yield side
        finally:
            side.close()


def measure(workload: Workload, sides: Sides, options: argparse.Namespace) -> list[Row]:
    """The workload at each size: the sides take turns of several runs each."""
    rows = []
    slow: dict[str, float] = {}
    repeats = min(options.repeats, workload.repeats_max or options.repeats)
    for n in options.size or workload.sizes:
        row = Row(workload, n, {name: Cell() for name in sides.names})
        for turn in range(TURNS):
            runs = len(range(turn, repeats, TURNS))
            for name, cell in row.cells.items():
                own_n = workload.sizes_of.get(name, n)
                if name in slow and slow[name] * own_n > options.limit:
                    cell.omitted = cell.omitted or f"over {options.limit:.0f} s"
                if runs and not cell.omitted and cell.seconds <= options.seconds:
                    with sides.up(name, workload) as side:
                        slow[name] = take_turn(side, workload, own_n, cell, runs, options.seconds)
        rows.append(row)
    return rows


def take_turn(side: SideProcess, workload: Workload, n: int, cell: Cell, runs: int, seconds: float) -> float:
    """Some runs of one side, until it has had its time. Returns the seconds that one takes, over `n`."""
    each = 0.0
    for _ in range(runs):
        begun = time.monotonic()
        answer = side.run(workload, n)
        took = time.monotonic() - begun
        cell.add(answer, took)
        each = answer.get("figures", {}).get("s", took) / n
        note = answer.get("error") or f"{took:.2f} s"
        print(f"  {workload.name} {n} {side.name}: {note}", file=sys.stderr, flush=True)
        if cell.omitted or cell.seconds > seconds:
            break
    return each


def chosen(options) -> tuple[list[str], list[str]]:
    """Sides and workloads."""
    if options.in_process:
        return list(IN_PROCESS), options.workload or list(IN_PROCESS_WORKLOADS)
    peers = options.peer or ["dask", "pool", "processes", "joblib"]
    sides = ["rask", "rask-local", *(side for peer in peers for side in PEER_SIDES[peer]), "plain"]
    return sides, options.workload or list(listing())


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--peer", action="append", choices=PEER_SIDES, help="several may be given; all by default"
    )
    parser.add_argument("--no-peers", action="store_true", help="rask and the plain loop alone")
    parser.add_argument("--workload", action="append", choices=list(listing()), help="several may be given")
    parser.add_argument("--size", action="append", type=int, help="instead of the workload's sizes")
    parser.add_argument(
        "--in-process", action="store_true", help="the in-process engines instead of clusters"
    )
    parser.add_argument("--repeats", type=int, default=7, help="runs of each side (7)")
    parser.add_argument(
        "--seconds", type=float, default=15, help="no more runs for a side that has had this long (15)"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=45,
        help="leave a side out that would need longer for a run, in s (45)",
    )
    parser.add_argument("--scheduler", type=Path, default=ROOT / "target" / "release" / "rask")
    parser.add_argument("--json", type=Path, help="write all figures to this file too")
    return parser.parse_args()


def words_file(folder: str) -> Path:
    sys.path.insert(0, str(ROOT / "examples"))
    import corpus

    file = Path(folder) / "documents.json"
    file.write_text(json.dumps(corpus.newsgroups().documents))
    return file


def main() -> int:
    options = arguments()
    side_names, workload_names = chosen(options)
    if options.no_peers:
        side_names = [name for name in side_names if name in (*OURS, "plain")]
    if "rask" in side_names and not options.scheduler.exists():
        sys.exit(
            f"no {options.scheduler}: make it with `cargo build --release -p rask-cli`, or run `make bench`"
        )
    # As in an installed package, which is what the peers are.
    compileall.compile_dir(ROOT / "python" / "rask", quiet=2)
    foreign = [name for name in side_names if name not in (*OURS, "plain")]
    peers = peers_python(foreign) if foreign else Path(sys.executable)
    python = {name: Path(sys.executable) if name in OURS else peers for name in side_names}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "RASK_BENCH_SCHEDULER": str(options.scheduler),
            "PYTHONPATH": str(HERE),
        }
        if any(name.startswith("words") for name in workload_names):
            environment["RASK_BENCH_DOCUMENTS"] = str(words_file(folder))
        workloads = listing()
        for workload in map(workloads.get, workload_names):
            fitting = [side for side in side_names if fits(workload, side)]
            rows += measure(workload, Sides(fitting, python, environment), options)
    text = report(rows, side_names)
    print(text)
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in rows], indent=1))
    return 1 if any(cell.error for row in rows for cell in row.cells.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
