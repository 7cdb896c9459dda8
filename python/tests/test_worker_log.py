"""What workers tell of their tasks: cut, counted, in order, and never in the way of anything."""

import logging
import threading

import pytest

from rask import _worker_log
from rask._worker_log import CHARS_MAX, TOKENS_MAX, TOKENS_PER_S, Notices, shortened


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Worker:
    """Owns the process, and keeps what it is told."""

    owns_process = True

    def __init__(self):
        self.said = []
        self.notices = Notices(lambda topic, text: self.said.append((topic, text)))


@pytest.fixture
def worker():
    worker = Worker()
    _worker_log.listen(worker)
    yield worker
    _worker_log.forget(worker)


@pytest.fixture
def told():
    """Notices with a clock of their own; nobody says by himself how many were dropped."""
    clock, said = Clock(), []
    notices = Notices(lambda topic, text: said.append((topic, text)), clock)
    notices._timer = object()
    return notices, clock, said


def test_a_flood_is_dropped_and_counted(told):
    notices, clock, said = told
    for n in range(5_000):
        notices.say("log", f"line {n}")
    assert said == [("log", f"line {n}") for n in range(int(TOKENS_MAX))]
    del said[:]
    clock.now += 1
    notices.say("log", "calm")
    assert said == [("log", "… 4000 lines dropped"), ("log", "calm")]
    for _ in range(int(TOKENS_PER_S)):
        notices.say("log", "again")
    assert len(said) == TOKENS_PER_S + 1


def test_what_is_dropped_is_not_even_made(told, worker):
    class Costly:
        def __str__(self):
            made.append(1)
            return "text"

    worker.notices, made = told[0], []
    logger = logging.getLogger("mine")
    handlers, logger.parent.handlers = logger.parent.handlers, [logging.NullHandler()]
    try:
        for _ in range(3 * int(TOKENS_MAX)):
            logger.warning(Costly())
    finally:
        logger.parent.handlers = handlers
    assert len(made) == len(told[2]) == TOKENS_MAX
    assert told[0]._dropped == {"log": 2 * TOKENS_MAX}


def test_how_many_were_dropped_is_said_without_another_line(told):
    notices, _, said = told
    notices._timer = None
    for _ in range(int(TOKENS_MAX) + 1):
        notices.say("print", "x\n")
    timer = notices._timer
    assert isinstance(timer, threading.Timer) and timer.daemon
    timer.cancel()
    notices.flush()
    assert said[-1] == ("print", "… 1 line dropped\n")
    notices.flush()
    assert len(said) == TOKENS_MAX + 1


def test_long_lines_are_cut_and_count_more(told):
    notices, _, said = told
    for _ in range(2 * int(TOKENS_MAX)):
        notices.say("log", "x" * 1_000_000)
    text = said[0][1]
    assert len(text) < CHARS_MAX + 100 and "996000 characters left out" in text
    assert len(said) < TOKENS_MAX / 4
    assert shortened("abc") == "abc"


def test_what_reaches_the_root_logger_is_told(worker):
    logging.getLogger("mine.deeper").warning("a %s", "word")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("mine").exception("caught")
    (_, first), (topic, second) = worker.said
    assert first == "WARNING mine.deeper: a word"
    assert topic == "log" and second.startswith("ERROR mine: caught\nTraceback")
    assert second.endswith("ValueError: no")


def test_the_loggers_decide_what_is_told(worker):
    root = logging.getLogger()
    logger, deaf = logging.getLogger("mine"), logging.getLogger("mine.deaf")
    level = root.level
    try:
        root.setLevel(logging.ERROR)
        logger.warning("below the root's level")
        root.setLevel(logging.INFO)
        logger.info("let through")
        deaf.propagate = False
        deaf.error("kept from the root")
    finally:
        root.setLevel(level)
        deaf.propagate = True
    assert worker.said == [("log", "INFO mine: let through")]


def test_standard_error_and_basic_config_work_as_ever(worker, capsys, monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    logging.getLogger("mine").warning("nobody handles this")
    assert capsys.readouterr().err == "nobody handles this\n"
    logging.basicConfig(format="configured: %(message)s")
    logging.getLogger("mine").warning("once")
    assert capsys.readouterr().err == "configured: once\n"
    assert len(worker.said) == 2


def test_a_record_that_logs_while_it_is_read_ends(worker):
    class Chatty:
        def __str__(self):
            logging.getLogger("mine").warning("inside")
            return "outside"

    logging.getLogger("mine").propagate = True
    logging.getLogger("mine").warning("%s", Chatty())
    assert worker.said[-1] == ("log", "WARNING mine: outside")
    assert worker.said.count(("log", "WARNING mine: outside")) == 1


def test_nothing_is_raised_into_the_caller(worker, capsys, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logging.getLogger("mine").warning("%d", "no number")
    assert worker.said == [("log", "WARNING mine: '%d' with ('no number',)")]

    class Broken:
        def __str__(self):
            raise RuntimeError("no text")

        __repr__ = __str__

    logging.getLogger("mine").warning(Broken())
    worker.notices._send = None
    logging.getLogger("mine").warning("the worker is gone")
    assert len(worker.said) == 1


def test_logging_is_left_as_it_was(monkeypatch):
    # Other tests of this process may have workers that listen.
    monkeypatch.setattr(_worker_log, "_workers", [])
    before = getattr(logging.Logger.callHandlers, "rask_hands_out", logging.Logger.callHandlers)
    monkeypatch.setattr(logging.Logger, "callHandlers", before)
    one, two = Worker(), Worker()
    _worker_log.listen(one)
    _worker_log.listen(two)
    _worker_log.forget(one)
    assert logging.Logger.callHandlers is not before
    _worker_log.forget(two)
    _worker_log.forget(two)
    assert logging.Logger.callHandlers is before
