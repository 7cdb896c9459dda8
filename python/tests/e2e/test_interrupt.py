"""Ctrl-C: the waiting call ends at once, the client stays usable, and the program can end."""

from __future__ import annotations

import signal
import time

from . import programs

SLEEPS = """
client = Client(n_workers=2, threads_per_worker=5, dashboard_address=":0")

def slow(seconds):
    time.sleep(seconds)
    return seconds

def free():
    deadline = time.time() + 15
    while any(client.processing().values()) and time.time() < deadline:
        time.sleep(0.01)
    return not any(client.processing().values())

calls = {
    "result": lambda: client.submit(slow, 4.1).result(),
    "compute": lambda: delayed(slow)(4.2).compute(),
    "gather": lambda: client.gather(client.map(slow, [4.3, 4.4])),
    "wait": lambda: wait(client.submit(slow, 4.5)),
    "as_completed": lambda: next(rask.distributed.as_completed([client.submit(slow, 4.6)])),
}
for name, call in calls.items():
    print(name)
    try:
        call()
    except KeyboardInterrupt:
        print("interrupted")
    print("released", free())
    print("usable", client.submit(slow, 0.0, pure=False).result(timeout=30), delayed(slow)(0.01).compute())
client.close()
"""


def test_waiting_calls(tmp_path):
    """Five kinds of waiting, one after the other in one program, each interrupted as if by hand."""
    process = programs.start(tmp_path, programs.text(SLEEPS))

    def line():
        got = process.stdout.readline().strip()
        return got or process.communicate(timeout=30)

    for name in ("result", "compute", "gather", "wait", "as_completed"):
        assert line() == name
        time.sleep(0.3)  # into the call
        process.send_signal(signal.SIGINT)
        assert line() == "interrupted", "long before the task ends"
        assert line() == "released True"
        assert line() == "usable 0.0 0.01"
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_without_a_client(tmp_path):
    body = """
    def slow(seconds):
        time.sleep(seconds)

    print("ready")
    try:
        delayed(slow)(1.5).compute()
    except KeyboardInterrupt:
        print("interrupted")
    print("usable", delayed(abs)(-1).compute())
    """
    process = programs.start(tmp_path, programs.text(body))
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert "interrupted\n" in out, (out, err)
    assert "usable 1\n" in out, (out, err)
    assert process.returncode == 0


def test_an_unhandled_interrupt_ends_the_program_and_its_workers(tmp_path):
    from .peer import until
    from .test_cluster import alive

    body = """
    client = Client(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    print(*client.run(os.getpid).values())
    client.submit(time.sleep, 1).result()
    """
    process = programs.start(tmp_path, programs.text(body))
    pids = [int(word) for word in process.stdout.readline().split()]
    assert len(pids) == 2
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in err
    assert process.returncode != 0
    until(lambda: not any(alive(p) for p in pids))
