"""Chains of short tasks, of which a worker is given many links at once: each is still a task of its own."""

from __future__ import annotations

import pytest

from .peer import CancelledError, compute, delayed, rask_only, until, wait
from .tasks import add, fail_first, inc, link, notes, pid, same
from .test_worker_death import kill, where_processing

pytestmark = pytest.mark.timeout(180)


def warm(client):
    """Let the scheduler see that links are short."""
    client.gather(client.map(link, range(20), pure=False))


def chain(n, traps=()):
    """`n` links, some of them with a trap: `{position: arguments}`."""
    traps = dict(traps)
    links = [delayed(link)(0, *traps.get(0, ()))]
    for i in range(1, n):
        links.append(delayed(link)(links[-1], *traps.get(i, ())))
    return links


@pytest.mark.parametrize("n", [1, 2, 5000])
def test_a_chain(client, n):
    warm(client)
    assert chain(n)[-1].compute() == n


def test_a_chain_by_submit(client):
    warm(client)
    future = client.submit(link, 0, pure=False)
    for _ in range(999):
        future = client.submit(link, future, pure=False)
    assert future.result() == 1000


def test_every_link_has_its_result(client):
    warm(client)
    assert list(compute(*chain(300))) == list(range(1, 301))


def test_large_results_are_handed_on(client):
    text = b"x" * 100_000
    client.submit(same, b"warm").result()
    value = delayed(same)(text)
    for _ in range(50):
        value = delayed(same)(value)
    assert value.compute() == text


def test_a_tree_whose_leaves_are_chains(client):
    client.gather([client.submit(inc, 0), client.submit(add, 0, 0)])
    level = [chain(20)[-1] for _ in range(64)]
    while len(level) > 1:
        level = [delayed(add)(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
    assert level[0].compute() == 64 * 20


def test_an_error_amid_a_chain(client):
    warm(client)
    futures = client.compute(chain(200, {100: ("raise",)}))
    with pytest.raises(ValueError, match="at 100"):
        futures[-1].result()
    assert client.gather(futures[:100]) == list(range(1, 101))
    assert {future.status for future in futures[100:]} == {"error"}


def test_a_link_is_tried_again(client, note_path):
    client.submit(fail_first, note_path + "-warm", 0).result()
    first = delayed(fail_first)(note_path, 1)
    futures = client.compute([first, delayed(inc)(first), delayed(add)(first, 1)], retries=2)
    assert client.gather(futures) == [2, 3, 3]


def test_cancelling_amid_a_chain(client, gate, note_path):
    warm(client)
    futures = client.compute(chain(100, {10: ("gate", (gate.path, note_path))}))
    until(lambda: notes(note_path))
    client.cancel(futures[50:])
    with pytest.raises(CancelledError):
        futures[60].result()
    gate.open()
    assert futures[49].result() == 50
    assert all(future.cancelled() for future in futures[50:])


def test_a_long_link_holds_up_nobody_else(fresh_client, gate, note_path):
    warm(fresh_client)
    first = fresh_client.compute(chain(50, {5: ("gate", (gate.path, note_path))}))
    until(lambda: notes(note_path))
    assert chain(200)[-1].compute() == 200, "another chain goes to the other worker"
    assert fresh_client.gather(fresh_client.map(inc, range(500))) == list(range(1, 501))
    assert len({fresh_client.submit(pid, pure=False).result() for _ in range(4)}) == 1
    gate.open()
    assert first[-1].result() == 50


def test_a_worker_killed_amid_a_chain(fresh_client, gate, note_path):
    warm(fresh_client)
    futures = fresh_client.compute(chain(100, {20: ("gate", (gate.path, note_path))}))
    until(lambda: notes(note_path))
    kill(fresh_client, where_processing(fresh_client, futures[20].key))
    until(lambda: len(notes(note_path)) == 2)
    gate.open()
    assert fresh_client.gather(futures) == list(range(1, 101))


def test_a_link_that_ends_its_process_once(fresh_client, note_path):
    warm(fresh_client)
    futures = fresh_client.compute(chain(100, {50: ("die", note_path)}))
    assert futures[-1].result(timeout=30) == 100
    assert notes(note_path) == ["ran"] * 2


def test_a_worker_retired_amid_a_chain(fresh_client, gate, note_path):
    warm(fresh_client)
    futures = fresh_client.compute(chain(100, {20: ("gate", (gate.path, note_path))}))
    until(lambda: notes(note_path))
    address = where_processing(fresh_client, futures[20].key)
    gate.open()
    fresh_client.retire_workers([address])
    assert futures[-1].result() == 100


@rask_only
def test_every_link_has_its_story(client):
    warm(client)
    futures = client.compute(chain(50))
    wait(futures)
    for future in futures[1:]:
        states = [row[2] for row in client.story(future)]
        assert states[0] == "waiting" and "processing" in states and states[-1] == "memory", states
