"""The same workloads on rask and on its peers, in one run, turn by turn.

    python benches/compare.py --peer dask --peer pool --workload map --workload monte-carlo
    python benches/compare.py --in-process
    make bench

Each side is a process of its own (`side.py`), rask's in the project's environment, the peers' in one of
theirs, which is made when it is missing. For each workload and size the sides take turns, several times; the
table shows medians, and how many times rask's figure a peer's is. A side that would need too long for a size
is left out there, and the table says so. Tasks are counted where they run; a side that ran fewer than it was
asked to is an error, not a row.
"""

import argparse
import compileall
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from listing import listing
from measure import Workload
from report import Cell, Row, report

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
    from sides import SIDES

    family = SIDES[side]().family
    return (
        family in workload.families
        and (workload.only is None or side in workload.only)
        and (workload.lazy_only or side not in LAZY_SIDES)
    )


def measure(workload: Workload, sides: list[SideProcess], options) -> list[Row]:
    rows = []
    slow: dict[str, float] = {}
    for n in options.size or workload.sizes:
        row = Row(workload, n)
        for turn in range(min(options.repeats, workload.repeats_max or options.repeats)):
            for side in sides:
                cell = row.cells.setdefault(side.name, Cell())
                own_n = workload.sizes_of.get(side.name, n)
                if cell.omitted or (turn and cell.seconds > options.seconds):
                    continue
                if side.name in slow and slow[side.name] * own_n > options.limit:
                    cell.omitted = f"over {options.limit:.0f} s"
                    continue
                begun = time.monotonic()
                answer = side.run(workload, own_n)
                took = time.monotonic() - begun
                cell.add(answer, took)
                slow[side.name] = answer.get("figures", {}).get("s", took if took > 1 else 0) / own_n
                note = answer.get("error") or f"{took:.2f} s"
                print(f"  {workload.name} {n} {side.name}: {note}", file=sys.stderr, flush=True)
        rows.append(row)
    return rows


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
    parser.add_argument("--repeats", type=int, default=7, help="turns of each side (7)")
    parser.add_argument(
        "--seconds", type=float, default=15, help="no more turns for a side that has had this long (15)"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=45,
        help="leave a side out that would need longer for a turn, in s (45)",
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
    python = {name: sys.executable if name in OURS else None for name in side_names}
    peers = peers_python(foreign) if foreign else sys.executable
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "RASK_BENCH_SCHEDULER": str(options.scheduler),
            "PYTHONPATH": str(HERE),
        }
        if any(name.startswith("words") for name in workload_names):
            environment["RASK_BENCH_DOCUMENTS"] = str(words_file(folder))
        for name in workload_names:
            workload = listing()[name]
            fitting = [side for side in side_names if fits(workload, side)]
            sides = [SideProcess(side, python[side] or peers, environment) for side in fitting]
            try:
                rows += measure(workload, sides, options)
            finally:
                for side in sides:
                    side.close()
    text = report(rows, side_names)
    print(text)
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in rows], indent=1))
    return 1 if any(cell.error for row in rows for cell in row.cells.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
