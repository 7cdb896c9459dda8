"""What tasks log, print and warn for people elsewhere; and why a task is not running."""

from __future__ import annotations

import sys
import textwrap

import pytest

from . import programs
from .peer import Client, LocalCluster, distributed, rask_only
from .tasks import behind, div, inc


def run(path, body):
    return programs.run(path, programs.text(textwrap.dedent(body)))


TASK = """
    from rask.distributed import print as remote_print, warn

    class OwnWarning(UserWarning):
        pass

    def work(x):
        remote_print("printed", x, sep="=")
        warn(f"warned {x}")
        remote_print("complained", x, file=sys.stderr)
        return x
"""


@pytest.mark.parametrize("processes", [True, False])
@rask_only
def test_print_and_warn_appear_once_with_a_local_cluster(tmp_path, processes):
    body = f"""
    import threading

    class Listening:
        def __init__(self, file):
            self.file, self.heard = file, threading.Event()

        def write(self, text):
            self.file.write(text)
            if "complained" in text:
                self.heard.set()

        def flush(self):
            self.file.flush()

    sys.stderr = Listening(sys.stderr)
    client = Client(n_workers=1, processes={processes}, dashboard_address=None)
    result = client.submit(work, 7).result()
    # What worker processes print comes by a way of its own.
    assert sys.stderr.heard.wait(10)
    client.close()
    print(result)
    """
    out, err = run(tmp_path, TASK + body)
    assert sorted(out.splitlines()) == ["7", "printed=7"]
    assert err.count("UserWarning: warned 7") == 1
    assert err.count("complained 7") == 1


@rask_only
def test_a_client_elsewhere_sees_them(tmp_path):
    """The cluster's own program prints nothing of it twice, and the other one all of it."""
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        body = f"""
        client = Client({cluster.scheduler_address!r}, access_file={cluster.access_file!r})
        result = client.submit(work, 7).result()
        client.close()
        print(result)
        """
        out, err = run(tmp_path, TASK + textwrap.indent(textwrap.dedent(body), "    "))
    assert sorted(out.splitlines()) == ["7", "printed=7"]
    assert err.count("UserWarning: warned 7") == 1


def test_outside_of_tasks_they_are_the_builtins(capsys):
    distributed.print("a", "b", sep="-", end="!", file=sys.stderr)
    assert capsys.readouterr().err == "a-b!"
    with pytest.warns(DeprecationWarning, match="old"):
        distributed.warn("old", DeprecationWarning)


@rask_only
def test_a_warning_keeps_its_class_where_that_is_known():
    def warn_of(kind):
        distributed.warn("mind", kind)

    client = Client(n_workers=1, threads_per_worker=1, dashboard_address=None)
    with pytest.warns(FutureWarning, match="mind"):
        client.submit(warn_of, FutureWarning).result()
        client.close()


def test_print_to_other_files_is_refused(client):
    def to_a_file():
        import io

        distributed.print("x", file=io.StringIO())

    with pytest.raises(TypeError, match="arbitrary file objects"):
        client.submit(to_a_file).result()


def record(dask_worker):
    """Have the worker keep what it tells."""
    send = dask_worker.notices._send
    dask_worker.told = []

    def keep(topic, text):
        dask_worker.told.append((topic, text))
        send(topic, text)

    dask_worker.notices._send = keep


def told(dask_worker):
    return dask_worker.told


@rask_only
def test_what_a_task_logs_is_told_by_its_worker(client):
    def chatter(x):
        import logging

        logging.getLogger("user.code").warning("about %s", x)
        logging.getLogger("user.code").info("below the root's level")
        return x

    client.run(record)
    assert client.submit(chatter, 5, pure=False).result() == 5
    lines = [line for lines in client.run(told).values() for line in lines]
    assert lines == [("log", "WARNING user.code: about 5")]


@rask_only
def test_workers_of_this_process_tell_of_their_own_tasks_alone():
    import logging

    def chatter():
        logging.getLogger("user.code").warning("from a task")

    with Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as client:
        client.run(record)
        logging.getLogger("user.code").warning("from the program")
        client.submit(chatter).result()
        lines = [line for lines in client.run(told).values() for line in lines]
    assert lines == [("log", "WARNING user.code: from a task")]


@rask_only
def test_a_flood_of_lines_does_not_keep_a_task_from_its_end(client):
    def flood(n):
        import logging

        for i in range(n):
            logging.getLogger("user.code").warning("line %d", i)
        return n

    client.run(record)
    assert client.submit(flood, 20_000, pure=False).result() == 20_000
    lines = [line for lines in client.run(told).values() for line in lines]
    assert 0 < len(lines) < 5_000


@rask_only
def test_futures_explain_themselves(client, gate):
    def wait_there(path):  # unknown, so that no worker is given more than it has threads
        return behind(path)

    held = [client.submit(wait_there, gate.path, pure=False) for _ in range(8)]
    last = client.submit(str, held[0])
    assert last.explain().startswith(f"{last.key} waits for {held[0].key}")
    assert "could run and waits for a free thread" in held[-1].explain()
    gate.open()
    client.gather(held)
    failed = client.submit(inc, client.submit(div, 1, 0))
    failed.exception()
    assert "which it needs, failed on worker" in failed.explain()
    assert failed.explain().endswith("ZeroDivisionError: division by zero")
    last.result()
    assert last.explain() == f"{last.key} has finished; its value is in memory"


@rask_only
def test_keys_of_collections_are_explained_by_their_text(client):
    future = client.get({("x", 0): (inc, 1)}, ("x", 0), sync=False)
    assert future.result() == 2
    assert client.explain("('x', 0)") == future.explain() == "('x', 0) has finished; its value is in memory"


@rask_only
async def _explained_asynchronously(address, access_file):
    async with Client(address, access_file=access_file, asynchronous=True) as client:
        future = client.submit(inc, 1)
        await future
        return await future.explain()


@rask_only
def test_asynchronous_clients_explain_too(shared_cluster):
    import asyncio

    text = asyncio.run(
        _explained_asynchronously(shared_cluster.scheduler_address, shared_cluster.access_file)
    )
    assert text.endswith("has finished; its value is in memory")
