"""A program that imports a package, starts two workers, has one result and ends; prints what each took, in
ms, as JSON.

python start_up.py rask | dask | MultiprocessingPool | ProcessPool | ThreadPool | Joblib
"""

import json
import sys
import time

from functions import inc


def graph(package: str) -> dict[str, float]:
    marks = [time.perf_counter()]
    __import__(package)
    marks.append(time.perf_counter())
    from importlib import import_module

    distributed = import_module(package + ".distributed")
    marks.append(time.perf_counter())
    client = distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    marks.append(time.perf_counter())
    assert client.submit(inc, 1).result() == 2
    marks.append(time.perf_counter())
    client.close()
    client.cluster.close()
    marks.append(time.perf_counter())
    client = distributed.Client(processes=False, dashboard_address=":0")
    assert client.submit(inc, 1).result() == 2
    marks.append(time.perf_counter())
    client.close()
    names = ["import", "import distributed", "ready", "to first result", "close", "inproc first result"]
    figures = {f"{name} ms": (b - a) * 1e3 for name, a, b in zip(names, marks, marks[1:])}  # noqa: B905
    figures["first result ms"] = (marks[4] - marks[2]) * 1e3
    return figures


def pool(name: str) -> dict[str, float]:
    import sides

    side = getattr(sides, name)()
    marks = [time.perf_counter()]
    side.start()
    marks.append(time.perf_counter())
    side.close()
    marks.append(time.perf_counter())
    return {"first result ms": (marks[1] - marks[0]) * 1e3, "close ms": (marks[2] - marks[1]) * 1e3}


if __name__ == "__main__":
    what = sys.argv[1]
    print(json.dumps(graph(what) if what in ("rask", "dask") else pool(what)))
