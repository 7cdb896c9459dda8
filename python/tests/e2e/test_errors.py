"""A task that raises: its error arrives as itself, and nothing else is disturbed."""

from __future__ import annotations

import sys
import traceback

import pytest

from . import programs
from .peer import compute, delayed, rask_only, wait
from .tasks import Named, add, div, inc, raise_named


def outer(x):
    return inner(x)


def inner(x):
    raise LookupError(f"no {x}")


def chained():
    try:
        div(1, 0)
    except ZeroDivisionError as error:
        raise ValueError("outer") from error


def test_builtin(client):
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        client.submit(div, 1, 0).result()


def test_of_the_users_own(client):
    with pytest.raises(Named) as caught:
        client.submit(raise_named, 7).result()
    assert caught.value.number == 7


def test_of_a_local_class(client):
    class Local(Exception):
        pass

    def fail():
        raise Local("here")

    with pytest.raises(Exception, match="here") as caught:
        client.submit(fail).result()
    assert type(caught.value).__name__ == "Local"


def test_frames_from_the_worker(client):
    with pytest.raises(LookupError, match="no thing") as caught:
        client.submit(outer, "thing").result()
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[0] == "test_frames_from_the_worker"
    assert names[-2:] == ["outer", "inner"]


@rask_only
def test_frames_of_a_program_show_their_source_lines_too(tmp_path):
    """What is defined in a program travels as code: its lines are found all the same. (Dask's are not, with
    newer cloudpickles.)"""
    body = """
    def fail(x):
        raise ValueError(x)  # to blame

    client = Client(n_workers=1, threads_per_worker=1, dashboard_address=":0")
    future = client.submit(fail, 1)
    try:
        future.result()
    except ValueError:
        traceback.print_exc()
    client.close()
    """
    _, told = programs.run(tmp_path, "import traceback\n" + programs.text(body))
    assert "program.py" in told and "raise ValueError(x)  # to blame" in told, told


def test_frames_show_their_source_lines(client):
    future = client.submit(outer, "thing")
    text = "".join(traceback.format_tb(future.traceback()))
    assert "test_errors.py" in text
    assert 'raise LookupError(f"no {x}")' in text


def test_frames_of_a_delayed(client):
    with pytest.raises(LookupError) as caught:
        delayed(inc)(delayed(outer)("thing")).compute()
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][-2:] == [
        "outer",
        "inner",
    ]


def test_frames_without_a_client():
    with pytest.raises(LookupError) as caught:
        delayed(inc)(delayed(outer)("thing")).compute()
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][-2:] == [
        "outer",
        "inner",
    ]


def test_causes(client):
    with pytest.raises(ValueError, match="outer") as caught:
        client.submit(chained).result()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert traceback.extract_tb(caught.value.__cause__.__traceback__)[-1].name == "div"


def test_dependents_err_with_the_same(client):
    erred = client.submit(div, 1, 0)
    last = client.submit(inc, client.submit(add, erred, 1))
    with pytest.raises(ZeroDivisionError):
        last.result()
    assert last.status == "error"
    assert traceback.extract_tb(last.traceback())[-1].name == "div"


def test_a_dependent_submitted_later(client):
    erred = client.submit(div, 1, 0)
    wait(erred)
    with pytest.raises(ZeroDivisionError):
        client.submit(inc, erred).result()


def test_siblings_are_not_disturbed(client):
    erred, good = client.submit(div, 1, 0), client.submit(inc, 1)
    assert good.result() == 2
    wait(erred)
    assert client.submit(inc, good).result() == 3


def test_compute_of_several_of_which_one_errs(client):
    with pytest.raises(ZeroDivisionError):
        compute(delayed(inc)(1), delayed(div)(1, 0))
    assert delayed(inc)(1).compute() == 2


def test_stop_iteration(client):
    """Raised by hand it must not be taken for the end of somebody's loop."""

    def stop():
        raise StopIteration("mine")

    with pytest.raises((RuntimeError, StopIteration)):
        client.submit(stop).result(timeout=30)


def test_a_timeout_of_the_tasks_own_is_no_timeout_of_ours(client):
    def late():
        raise TimeoutError("the task's own")

    with pytest.raises(TimeoutError, match="the task's own"):
        client.submit(late).result(timeout=30)


@rask_only
def test_very_deep_recursion_in_a_task(client):
    """A traceback of a thousand frames must travel without recursing itself. (In Dask the future never
    finishes.)"""

    def deep(n):
        return deep(n + 1)

    with pytest.raises(RecursionError):
        client.submit(deep, 0).result(timeout=20)
    assert client.submit(inc, 1).result() == 2


def test_a_large_message(client):
    def fail():
        raise ValueError("x" * 1_000_000)

    with pytest.raises(ValueError, match="xxx"):
        client.submit(fail).result()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are younger")
def test_exception_groups(client):
    def fail():
        raise ExceptionGroup("several", [ValueError("one"), KeyError("two")])  # noqa: F821

    with pytest.raises(ExceptionGroup, match="several") as caught:  # noqa: F821
        client.submit(fail).result()
    assert [type(error) for error in caught.value.exceptions] == [ValueError, KeyError]


@pytest.mark.parametrize("raised", [BaseException, GeneratorExit], ids=lambda c: c.__name__)
def test_what_is_no_exception_arrives_too(client, raised):
    def fail():
        raise raised("from the task")

    future = client.submit(fail, pure=False)
    wait(future, timeout=30)
    assert future.status == "error"
    assert type(future.exception()) is raised
    assert client.submit(inc, 1).result() == 2


@rask_only
def test_an_interrupt_raised_by_a_task_is_an_error_of_the_task(client):
    """It ends Dask's worker, and four of them before the task is given up."""

    def fail():
        raise KeyboardInterrupt("from the task")

    before = client.nthreads()
    future = client.submit(fail, pure=False)
    wait(future, timeout=30)
    assert type(future.exception()) is KeyboardInterrupt
    assert client.nthreads() == before


@rask_only
def test_exit_is_an_error_of_the_task(client):
    """`sys.exit()` in a task ends Dask's worker, and four of them before the task is given up."""
    before = client.nthreads()
    future = client.submit(sys.exit, 3, pure=False)
    wait(future, timeout=30)
    assert type(future.exception()) is SystemExit
    assert client.nthreads() == before


@rask_only
def test_the_key_is_named(client):
    """Where Python can carry it (3.11 on), the error says in a note which task it came from."""
    if sys.version_info < (3, 11):
        pytest.skip("notes are younger")
    future = client.submit(div, 1, 0, key="the-task-that-errs")
    with pytest.raises(ZeroDivisionError) as caught:
        future.result()
    assert "the-task-that-errs" in "".join(traceback.format_exception(caught.value))


def test_processes_false(threads_client):
    with pytest.raises(Named) as caught:
        threads_client.submit(raise_named, 7).result()
    assert caught.value.number == 7
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "raise_named"
