"""The benchmark program: every workload runs on rask at a small size, is checked and counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHES = Path(__file__).parents[3] / "benches"
QUICK = [
    ("map", "1000"),
    ("monte-carlo", "1000"),
    ("submit", "100"),
    ("latency", "100"),
    ("chain-delayed", "100"),
    ("chain-submit", "100"),
    ("chain-waiting", "100"),
    ("tree", "64"),
    ("matmul", "4"),
    ("words-delayed", "200"),
    ("words-map", "200"),
    ("data", "10"),
]


def compare(*arguments: str) -> subprocess.CompletedProcess:
    scheduler = Path(sys.executable).with_name("rask")
    command = [sys.executable, BENCHES / "compare.py", "--no-peers", "--repeats", "1"]
    command += ["--scheduler", scheduler, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


@pytest.mark.rask_only
@pytest.mark.timeout(300)  # two dozen processes start
@pytest.mark.parametrize("mode", [[], ["--in-process"]])
def test_workloads(mode):
    lazy_and_eager = QUICK if not mode else QUICK[:4]
    for size in sorted({size for _, size in lazy_and_eager}):
        names = [name for name, its in lazy_and_eager if its == size]
        chosen = [word for name in names for word in ("--workload", name)]
        done = compare(*mode, *chosen, "--size", size)
        assert done.returncode == 0, done.stdout + done.stderr
        for name in names:
            assert f"| {name} | {int(size):,}".replace(",", " ") in done.stdout


@pytest.mark.rask_only
def test_a_wrong_count_is_an_error():
    """A side that runs fewer tasks than it was asked to gets no row."""
    lies = "import side, measure; from listing import listing; import sides; s = sides.SIDES['plain']();"
    lies += (
        "w = listing()['map']; w.families['plain'] = lambda s, n: measure.Outcome(n, {}); side.run(s, w, 5)"
    )
    done = subprocess.run([sys.executable, "-c", lies], cwd=BENCHES, capture_output=True, text=True)
    assert "0 executions where 5 were asked for" in done.stderr
