"""What the client shows of the cluster: `who_has`, `has_what`, `nthreads`, `processing`, `scheduler_info`;
reprs and HTML."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest

from .peer import config, rask_only, until, wait
from .tasks import behind, div, inc, noted_behind, notes, same

LARGE = b"x" * 5_000
"""Large enough to live on a worker; where rask keeps small results is its own affair."""


def test_nthreads(client):
    nthreads = client.nthreads()
    assert len(nthreads) == 2
    assert set(nthreads.values()) == {2}
    assert client.ncores() == nthreads
    first = next(iter(nthreads))
    assert client.nthreads(workers=[first]) == {first: 2}


def test_addresses_look_like_addresses(client):
    for address in [client.scheduler.address, *client.nthreads()]:
        assert re.match(r"\w+://", address)


def test_who_has(client):
    future = client.submit(same, LARGE)
    wait(future)
    (address,) = client.who_has()[future.key]
    assert address in client.nthreads()
    assert client.who_has([future]) == {future.key: (address,)}
    assert client.who_has(future) == {future.key: (address,)}


def test_who_has_of_a_small_result(client):
    future = client.submit(inc, 1)
    wait(future)
    assert client.who_has(future)[future.key]


def test_who_has_of_the_unfinished_and_the_unknown(client, gate):
    held = client.submit(behind, gate.path, pure=False)
    erred = client.submit(div, 1, 0)
    wait(erred)
    assert not client.who_has([held])[held.key]
    assert not client.who_has([erred])[erred.key]
    assert not client.who_has(["no-such-key"]).get("no-such-key")


def test_has_what(client):
    futures = client.map(same, [LARGE + bytes([i]) for i in range(10)])
    wait(futures)
    has_what = client.has_what()
    assert set(has_what) == set(client.nthreads())
    assert {f.key for f in futures} <= {key for keys in has_what.values() for key in keys}
    address = client.who_has()[futures[0].key][0]
    assert futures[0].key in client.has_what(address)[address]


def test_html_of_who_has_and_has_what(client):
    future = client.submit(same, LARGE)
    wait(future)
    for view in (client.who_has(), client.has_what()):
        html = view._repr_html_()
        assert "<table" in html
        assert next(iter(client.nthreads())) in html or future.key in html


def test_processing(client, gate, note_path):
    assert not any(client.processing().values())
    futures = [client.submit(noted_behind, gate.path, note_path, pure=False) for _ in range(2)]
    until(lambda: len(notes(note_path)) == 2)
    processing = client.processing()
    assert set(processing) == set(client.nthreads())
    assert {key for keys in processing.values() for key in keys} == {f.key for f in futures}
    one = next(iter(processing))
    assert set(client.processing(workers=[one])) == {one}
    gate.open()
    wait(futures)
    until(lambda: not any(client.processing().values()))


def test_scheduler_info(client):
    info = client.scheduler_info()
    assert info["type"] == "Scheduler"
    assert info["address"] == client.scheduler.address
    assert isinstance(info["id"], str)
    assert isinstance(info["services"], dict)
    assert info["started"] > 1e9
    assert set(info["workers"]) == set(client.nthreads())
    assert {w["name"] for w in info["workers"].values()} == {0, 1}


def test_scheduler_info_of_a_worker(client):
    def settled():
        workers = client.scheduler_info()["workers"].values()
        return all(w["metrics"].get("memory") for w in workers) and list(workers)

    for worker in until(settled):
        assert worker["type"] == "Worker"
        assert worker["nthreads"] == 2
        assert worker["status"] == "running"
        assert worker["memory_limit"] > 0
        assert worker["resources"] == {}
        assert isinstance(worker["host"], str)
        assert isinstance(worker["local_directory"], str)
        assert worker["last_seen"] > 1e9
        assert worker["metrics"]["memory"] > 1_000_000
        assert "cpu" in worker["metrics"]


def test_repr(client):
    assert re.fullmatch(
        rf"<Client: '{re.escape(client.scheduler.address)}' processes=2 threads=4, memory=[\d.]+ [KMGT]iB>",
        repr(client),
    )


def test_html(client):
    html = client._repr_html_()
    for word in ("Client", client.id, client.dashboard_link, "LocalCluster", "Workers", "Memory"):
        assert word in html
    for address in client.nthreads():
        assert address in html


def test_repr_and_html_of_the_cluster(shared_cluster):
    assert re.fullmatch(
        rf"LocalCluster\(.*'{re.escape(shared_cluster.scheduler_address)}', workers=2, threads=4, "
        r"memory=[\d.]+ [KMGT]iB\)",
        repr(shared_cluster),
    )
    html = shared_cluster._repr_html_()
    assert "LocalCluster" in html
    assert shared_cluster.dashboard_link in html


def test_client_attributes(client, shared_cluster):
    assert client.status == "running"
    assert client.asynchronous is False
    assert client.id.startswith("Client-")
    assert client.cluster is shared_cluster
    assert client.scheduler.address == shared_cluster.scheduler_address


def test_dashboard_link(client, shared_cluster):
    assert re.match(r"https?://.+:\d+/status(\?token=[0-9a-f]{32})?$", client.dashboard_link)
    assert client.dashboard_link == shared_cluster.dashboard_link


def test_the_dashboard_link_is_where_the_setting_says(client, shared_cluster, monkeypatch):
    monkeypatch.setenv("A_HUBS_PREFIX", "/user/alice/")
    address, token = re.match(r"(.+/status)(\?token=.+)?$", client.dashboard_link).groups("")
    with config.set({"distributed.dashboard.link": "{A_HUBS_PREFIX}proxy/{port}/status"}):
        expected = f"/user/alice/proxy/{urlsplit(address).port}/status{token}"
        assert client.dashboard_link == shared_cluster.dashboard_link == expected
        assert expected in client._repr_html_()
    with config.set({"distributed.dashboard.link": "{scheme}://{host}:{port}/status"}):
        assert client.dashboard_link == address + token


@rask_only
def test_a_setting_that_cannot_be_filled_is_warned_about(client):
    link = client.dashboard_link
    with config.set({"distributed.dashboard.link": "/user/{A_HUBS_USER}/proxy/{port}/status"}):
        with pytest.warns(UserWarning, match=r"distributed\.dashboard\.link.*A_HUBS_USER"):
            assert client.dashboard_link == link
        with pytest.warns(UserWarning, match="A_HUBS_USER"):
            assert link in client._repr_html_()


@rask_only
def test_the_dashboard_answers_whoever_has_the_link(client):
    import urllib.error
    import urllib.request

    address, token = client.dashboard_link.split("?token=")
    with urllib.request.urlopen(client.dashboard_link, timeout=30) as response:
        assert response.status == 200
        assert b"<title>rask" in response.read()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(address, timeout=30)
    data = address.replace("/status", "/api/v1/workers")
    asked = urllib.request.Request(data, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=30) as response:
        workers = json.load(response)["workers"]
    assert {worker["address"] for worker in workers} == set(client.nthreads())


def test_get_versions(client):
    versions = client.get_versions()
    assert {"scheduler", "workers", "client"} <= set(versions)
    assert set(versions["workers"]) == set(client.nthreads())


def test_views_of_processes_false(threads_client):
    future = threads_client.submit(same, LARGE)
    wait(future)
    (address,) = threads_client.nthreads()
    assert threads_client.nthreads() == {address: 2}
    assert tuple(threads_client.who_has()[future.key]) == (address,)
    assert set(threads_client.processing()) == {address}
