"""A client of a cluster that others use: asks for one result after the other until a line comes in, then
prints how long each took, as JSON.

    python second_client.py rask tcp://127.0.0.1:8786
"""

import json
import sys
import threading
import time
from importlib import import_module

from functions import inc

package, address = sys.argv[1:]
client = import_module(package + ".distributed").Client(address)
assert client.submit(inc, -1).result() == 0
enough = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), enough.set()), daemon=True).start()
print("ready", flush=True)
took = []
while not enough.is_set() or not took:
    begun = time.perf_counter()
    assert client.submit(inc, len(took)).result() == len(took) + 1
    took.append((time.perf_counter() - begun) * 1e3)
took.sort()
figures = {"p50 ms": took[len(took) // 2], "p99 ms": took[len(took) * 99 // 100], "max ms": took[-1]}
print(json.dumps({**figures, "calls": len(took) + 1}), flush=True)
client.close()
