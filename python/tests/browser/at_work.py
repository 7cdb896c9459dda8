"""The program before whose cluster the browser sits: always some work, every kind of state, hostile texts.

It prints one line of JSON when all is there, then obeys lines on its input, each answered by a line, and ends
with it.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from pathlib import Path

from rask.distributed import Client, LocalCluster, wait
from rask.distributed import print as print_here

from . import hostile


def load(number):
    return bytes(300_000 + number)


def clean(block):
    time.sleep(0.01)
    return block[::2]


def total(*blocks):
    return sum(map(len, blocks))


def tick(number):
    time.sleep(0.02)
    return number


def behind(path, number):
    """Ends when the file is there."""
    while not Path(path).exists():
        time.sleep(0.02)
    return number


def same(value):
    return value


def fail(text):
    raise ValueError(text)


def say(texts):
    for text in texts:
        logging.getLogger("app").warning("%s", text)
        print_here(text)
    return len(texts)


class Work:
    """What is at work, and the futures that keep it there."""

    def __init__(self, cluster: LocalCluster, client: Client, gate: Path) -> None:
        self.cluster, self.client, self.gate = cluster, client, gate
        self.held: list = []
        self.many: list = []
        self.ending = threading.Event()
        self.ticker = threading.Thread(target=self.tick)

    def tick(self) -> None:
        number = 0
        while not self.ending.wait(0.05):
            wait(self.client.map(tick, range(number, number + 8), pure=False))
            number += 8

    def begin(self) -> None:
        client = self.client
        # Across both workers, so that values travel.
        one, other = sorted(client.nthreads())[:2]
        blocks = [client.submit(load, n, key=f"load-{n}", workers=[one]) for n in range(6)]
        cleaned = [client.submit(clean, b, key=f"clean-{n}", workers=[other]) for n, b in enumerate(blocks)]
        self.held += [*blocks, *cleaned, client.submit(total, *cleaned, key="total-0")]
        self.held += [client.submit(same, n, key=text) for n, text in enumerate(hostile.ALL)]
        self.held += [client.submit(fail, text, key=f"failing-{n}") for n, text in enumerate(hostile.ALL)]
        self.held += [client.submit(say, hostile.ALL, key="say-0", workers=[one])]
        wait(self.held)
        slow = client.submit(behind, str(self.gate), 1, key="slow-0", workers=[one])
        self.held += [slow, client.submit(same, slow, key="after-0")]
        self.held += [client.submit(same, 1, key="nowhere-0", resources={"unicorn": 1})]
        client.cancel([client.submit(same, n, key=f"vain-{n}", resources={"unicorn": 1}) for n in range(3)])
        self.ticker.start()

    def obey(self, command: str) -> None:
        if command == "many":
            self.many = self.client.map(same, range(1500), key=[("many", n) for n in range(1500)])
            wait(self.many)
        elif command == "few":
            self.many = []
        elif command == "hostile worker":
            self.cluster._core.add_worker(hostile.HANDLER, 1, 0, {})
            self.client.wait_for_workers(3, timeout=30)
        else:
            raise ValueError(command)

    def end(self) -> None:
        self.ending.set()
        self.gate.touch()
        self.ticker.join()


def main() -> None:
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        work = Work(cluster, client, Path(sys.argv[1]))
        work.begin()
        print(json.dumps({"link": client.dashboard_link}), flush=True)
        for line in sys.stdin:
            work.obey(line.strip())
            print(json.dumps({"done": line.strip()}), flush=True)
        work.end()


if __name__ == "__main__":
    main()
