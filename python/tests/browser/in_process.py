"""A cluster whose workers share this program's process, which is more than one of them may have.

It prints one line of JSON when it is there, then obeys lines on its input, and ends with it.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from rask.distributed import Client, LocalCluster

WORKERS = 3


def main() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=2,
            processes=False,
            memory_limit=int(used * 0.9),
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(WORKERS, timeout=30)
        print(json.dumps({"link": client.dashboard_link}), flush=True)
        for line in sys.stdin:
            if line.strip() != "all leave":
                raise ValueError(line)
            cluster.scale(0)
            print(json.dumps({"done": line.strip()}), flush=True)


if __name__ == "__main__":
    main()
