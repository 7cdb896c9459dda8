"""The names under test, and whose they are.

Every test here speaks of `rask`. With `RASK_TEST_PEER=dask` in the environment the same tests speak of Dask,
whose behaviour is what they claim to describe; a test that fails there is a wrong test. What rask promises
beyond Dask is marked `rask_only`.

    RASK_TEST_PEER=dask python -m pytest python/tests/e2e
"""

from __future__ import annotations

import importlib
import os
import time

import pytest

PEER = os.environ.get("RASK_TEST_PEER", "rask")
IS_RASK = PEER == "rask"

rask = importlib.import_module(PEER)
distributed = importlib.import_module(f"{PEER}.distributed")
# Dask keeps part of its exceptions one module deeper than its public names.
_exceptions = distributed if IS_RASK else importlib.import_module("distributed.client")

annotate = rask.annotate
compute = rask.compute
config = rask.config
delayed = rask.delayed
get_annotations = rask.get_annotations
is_rask_collection = rask.is_dask_collection
optimize = rask.optimize
persist = rask.persist
visualize = rask.visualize

CancelledError = distributed.CancelledError
Client = distributed.Client
Future = distributed.Future
KilledWorker = distributed.KilledWorker
LocalCluster = distributed.LocalCluster
as_completed = distributed.as_completed
default_client = distributed.default_client
fire_and_forget = distributed.fire_and_forget
futures_of = distributed.futures_of
get_client = distributed.get_client
get_worker = distributed.get_worker
progress = distributed.progress
rejoin = distributed.rejoin
secede = distributed.secede
wait = distributed.wait
worker_client = distributed.worker_client

ClosedClientError = _exceptions.ClosedClientError
FutureCancelledError = _exceptions.FutureCancelledError
WorkerStartTimeoutError = _exceptions.WorkerStartTimeoutError

rask_only = pytest.mark.rask_only

TOKEN = r"-[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"
"""What follows the name in a generated key: 32 hexadecimal digits, written as a UUID by Dask when impure."""


def reached_the_workers(client):
    """Wait until what was submitted or cancelled before has reached the workers."""
    client.run(int)  # comes behind it
    if not IS_RASK:
        time.sleep(0.2)  # Dask sends it by another connection


def until(condition, timeout_s: float = 20.0, step_s: float = 0.01):
    """Wait for `condition()` to become true and return what it returned; fail when it does not."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"still false after {timeout_s} s"
        time.sleep(step_s)
