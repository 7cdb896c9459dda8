"""What a Dask user meets in the first hour of a notebook or script; each in a process of its own."""

from __future__ import annotations

import os
import signal

import pytest

from . import programs
from .peer import rask_only, until
from .test_cluster import alive

ONE = 'client = Client(n_workers=1, threads_per_worker=1, dashboard_address=":0")\n'


def run(path, body, client=True, **kwargs):
    import textwrap

    return programs.run(path, programs.text((ONE if client else "") + textwrap.dedent(body)), **kwargs)


def test_print_in_a_task_appears_where_the_user_looks(tmp_path):
    """On a local cluster the workers' output ends up in the client's own."""
    out, err = run(
        tmp_path,
        """
        def speak(word):
            print("the task says", word)
            print("and complains", word, file=sys.stderr)
            return word

        client.submit(speak, "hello").result()
        delayed(speak)("again").compute()
        time.sleep(0.2)
        client.close()
        """,
    )
    assert out.count("the task says hello") == 1
    assert out.count("the task says again") == 1
    assert "and complains hello" in err


def test_a_warning_in_a_task_appears(tmp_path):
    _, err = run(
        tmp_path,
        """
        def warn():
            import warnings
            warnings.warn("mind the gap")

        client.submit(warn).result()
        time.sleep(0.2)
        client.close()
        """,
    )
    assert "mind the gap" in err


def test_a_class_of_main_passes_isinstance(tmp_path):
    """Defined, used, defined anew in the same notebook, used again: what workers return is of the class as
    it now is."""
    out, _ = run(
        tmp_path,
        """
        exec("class Shape:\\n    sides = 3\\n", globals())
        def make():
            return Shape()
        def same(x):
            return x
        globals().update(make=make)
        first = client.submit(make).result()
        print("first", isinstance(first, Shape), isinstance(client.submit(same, Shape()).result(), Shape))
        exec("class Shape:\\n    sides = 4\\n", globals())
        second = client.submit(make).result()
        print("second", isinstance(second, Shape), second.sides)
        print("delayed", isinstance(delayed(make)().compute(), Shape))
        print("old", isinstance(first, Shape))
        client.close()
        """,
    )
    assert out.splitlines() == ["first True True", "second True 4", "delayed True", "old False"]


def test_a_changed_global_is_not_stale(tmp_path):
    """Each call sees the globals as they are when it is made, not as they were when the function was first
    sent."""
    out, _ = run(
        tmp_path,
        """
        exec("factor = 1\\ntable = {'k': 1}\\ndef helper(x):\\n    return x * factor\\n"
             "def read(x):\\n    return helper(x), table['k']\\n", globals())

        def show():
            mapped = client.gather(client.map(read, [1, 2]))
            print(client.submit(read, 10).result(), mapped, delayed(read)(10).compute())

        show()
        globals()["factor"] = 2
        show()
        table["k"] = 7
        show()
        exec("def helper(x):\\n    return -x\\n", globals())
        show()
        client.close()
        """,
    )
    assert out.splitlines() == [
        "(10, 1) [(1, 1), (2, 1)] (10, 1)",
        "(20, 1) [(2, 1), (4, 1)] (20, 1)",
        "(20, 7) [(2, 7), (4, 7)] (20, 7)",
        "(-10, 7) [(-1, 7), (-2, 7)] (-10, 7)",
    ]


def test_lazy_calls_see_the_globals_of_their_computing(tmp_path):
    out, _ = run(
        tmp_path,
        """
        exec("factor = 1\\ndef read(x):\\n    return x * factor\\n", globals())
        lazy = delayed(read)(10)
        globals()["factor"] = 3
        print(lazy.compute())
        client.close()
        """,
    )
    assert out == "30\n"


def test_a_module_beside_the_program_is_importable(tmp_path):
    (tmp_path / "beside.py").write_text("def twice(x):\n    return 2 * x\n")
    out, _ = run(
        tmp_path,
        """
        import beside
        print(client.submit(beside.twice, 21).result(), delayed(beside.twice)(4).compute())
        client.close()
        """,
    )
    assert out == "42 8\n"


def test_a_module_from_a_path_added_by_hand(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "aside.py").write_text("def thrice(x):\n    return 3 * x\n")
    out, _ = run(
        tmp_path,
        """
        sys.path.insert(0, os.path.join(os.getcwd(), "lib"))
        client = Client(n_workers=1, threads_per_worker=1, dashboard_address=":0")
        import aside
        print(client.submit(aside.thrice, 3).result())
        client.close()
        """,
        client=False,
    )
    assert out == "9\n"


def test_the_client_cell_twice(tmp_path):
    """`client = Client(...)` run again: a second cluster, a warning about the port, and both go on."""
    out, err = run(
        tmp_path,
        """
        import socket
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        client = Client(n_workers=1, threads_per_worker=1, dashboard_address=f"127.0.0.1:{port}")
        first, link = client, client.dashboard_link
        client = Client(n_workers=1, threads_per_worker=1, dashboard_address=f"127.0.0.1:{port}")
        print(client.submit(abs, -1).result(), first.submit(abs, -2).result(), link != client.dashboard_link)
        client.close()
        first.close()
        """,
        client=False,
    )
    assert out == "1 2 True\n"
    assert "UserWarning" in err
    assert "in use" in err


def test_a_program_that_never_closes_its_client_ends(tmp_path):
    out, _ = run(tmp_path, "print(client.submit(abs, -1).result(), *client.run(os.getpid).values())")
    result, pid = out.split()
    assert result == "1"
    until(lambda: not alive(int(pid)))


def test_a_killed_notebook_leaves_no_processes(tmp_path):
    """The kernel is killed hard; its workers notice and go."""
    body = ONE + "print(*client.run(os.getpid).values())\ntime.sleep(60)"
    process = programs.start(tmp_path, programs.text(body))
    pids = [int(word) for word in process.stdout.readline().split()]
    assert pids and all(alive(p) for p in pids)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not any(alive(p) for p in pids), step_s=0.05)
    process.communicate()


@rask_only
def test_no_main_guard_is_needed(tmp_path):
    """A plain script, without `if __name__ == "__main__"`: workers never import it again. (In Dask it
    fails.)"""
    out, _ = programs.run(
        tmp_path,
        "print('once')\n"
        "from rask.distributed import Client\n"
        "client = Client(n_workers=1, threads_per_worker=1, dashboard_address=':0')\n"
        "def double(x):\n    return 2 * x\n"
        "print(client.submit(double, 4).result())\n"
        "client.close()\n",
    )
    assert out == "once\n8\n"


@rask_only
def test_from_standard_input(tmp_path):
    """`python - <<EOF`, as in a terminal: there is no file of `__main__` at all."""
    import subprocess
    import sys

    body = (
        "from rask.distributed import Client\n"
        "client = Client(n_workers=1, threads_per_worker=1, dashboard_address=':0')\n"
        "class Point:\n    x = 5\n"
        "def make():\n    return Point()\n"
        "print(isinstance(client.submit(make).result(), Point))\n"
        "client.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-"], input=body, text=True, capture_output=True, timeout=25, cwd=tmp_path
    )
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("call", ["submit", "map", "compute"])
def test_a_large_argument_is_warned_about(client, call):
    from .peer import delayed

    data = os.urandom(12_000_000)
    with pytest.warns(UserWarning, match="(?s)[Ll]arge.*1[12].*MiB") as caught:
        if call == "submit":
            assert client.submit(len, data).result() == len(data)
        elif call == "map":
            assert client.gather(client.map(len, [data])) == [len(data)]
        else:
            assert delayed(len)(data).compute() == len(data)
    assert len([w for w in caught if issubclass(w.category, UserWarning)]) == 1


@rask_only
def test_the_warning_about_a_large_argument_names_the_remedy(client):
    with pytest.warns(UserWarning, match="scatter"):
        client.submit(len, os.urandom(12_000_000)).result()


def test_no_warning_about_what_was_scattered(client, recwarn):
    future = client.scatter(os.urandom(12_000_000))
    assert client.submit(len, future).result() == 12_000_000
    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]


def test_random_state_is_fresh_in_each_worker(fresh_client):
    import random

    pair = fresh_client.run(lambda: random.random())
    assert len(set(pair.values())) == 2
