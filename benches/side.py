"""A side's own process: does what `compare.py` asks for on standard input, one JSON object a line, and
answers likewise.

    python side.py rask

`{"run": "map", "n": 1000}` is answered with `{"figures": …, "executions": …}`, or with `{"error": …}`. The
cluster or pool is started with the first workload that needs it and ends with standard input.
"""

import gc
import json
import os
import sys
import traceback

from listing import listing
from sides import SIDES


def run(side, workload, n: int) -> dict:
    before = side.executions() if workload.needs_start else 0
    outcome = workload.families[side.family](side, n)
    executed = side.executions() - before if workload.needs_start else 0
    if executed != outcome.executions:
        raise AssertionError(f"{executed} executions where {outcome.executions} were asked for")
    return {"figures": outcome.figures, "executions": executed}


def main() -> None:
    # Whatever a library prints goes to standard error; the answers have a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    side, workloads, started = SIDES[sys.argv[1]](), listing(), False
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            workload = workloads[asked["run"]]
            try:
                if workload.needs_start and not started:
                    started = True
                    side.start()
                answer = run(side, workload, asked["n"])
            except Exception as error:
                traceback.print_exc()
                answer = {"error": f"{type(error).__name__}: {error}"}
            gc.collect()
            print(json.dumps(answer), file=answers, flush=True)
    finally:
        if started:
            side.close()


if __name__ == "__main__":
    main()
