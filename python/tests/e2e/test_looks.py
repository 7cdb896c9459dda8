"""Clients, clusters and lazy values as HTML: what they say, and that texts of users stay texts."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from rask._delayed_html import DRAWN_MAX

from .peer import delayed, rask, rask_only, until
from .tasks import behind, div, inc

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"

pytestmark = rask_only


class Shape(HTMLParser):
    """Tags that are opened and closed in order; none of those that do something."""

    VOID = ("path", "rect", "ellipse", "circle")

    def __init__(self, html):
        super().__init__()
        self.open = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "img", "iframe", "object"), tag
        assert not any(name.startswith("on") for name, _ in attributes)
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert tag in self.VOID

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def html_of(thing):
    html = thing._repr_html_()
    Shape(html)
    return html


def evil(x):
    return x


evil.__name__ = evil.__qualname__ = EVIL


def test_a_small_lazy_value_shows_its_graph():
    lazy = delayed(sum)([delayed(inc)(i) for i in range(3)])
    html = html_of(lazy)
    assert "4 tasks" in html and lazy.key in html
    assert html.count(">inc</text>") == 3 and html.count(">sum</text>") == 1
    assert html.count('<path d="M') == 3


def test_a_large_lazy_value_counts_by_prefix():
    lazy = delayed(sum)([delayed(inc)(i) for i in range(DRAWN_MAX)])
    html = html_of(lazy)
    assert "61 tasks" in html and "<svg" not in html
    assert "inc</td>" in html and ">60</td>" in html


def test_no_key_is_made_for_what_is_only_counted(monkeypatch):
    """Equal calls of pure functions would have to be hashed, arguments and all."""
    from rask._core import count_nodes

    class Costly:
        def __dask_tokenize__(self):
            raise AssertionError("hashed")

    argument = Costly()
    lazy = delayed(sum)([delayed(inc, pure=True)(argument) for _ in range(1_000)])
    assert count_nodes(lazy) == ({"inc": 1_000, "sum": 1}, 0, 0)


def test_lazy_values_of_other_origin():
    from rask.delayed import Delayed

    graph = {("x", i): (inc, i) for i in range(5)}
    assert "1 task," in html_of(Delayed(("x", 3), graph)) or "5 tasks" in html_of(Delayed(("x", 3), graph))
    large = {f"x-{i}": (inc, i) for i in range(1_000)}
    assert "1,000 tasks" in html_of(Delayed("x-3", large))
    assert "parts of other graphs" in html_of(delayed(inc)(Delayed("x-3", large)))
    assert "1 task" in html_of(delayed([1, 2]))


def test_persisted_lazy_values_and_futures_inside(client):
    persisted = delayed(inc)(1).persist()
    assert persisted.compute() == 2
    assert "persisted" in html_of(persisted) and "finished" in html_of(persisted)
    assert "1 task" in html_of(delayed(inc)(client.submit(inc, 5)))


@pytest.mark.parametrize("count", [1, 100])
def test_texts_of_users_stay_texts(client, count):
    lazy = delayed(sum)([delayed(evil)(i) for i in range(count)])
    html = html_of(lazy)
    assert "alert(1)" in html and "<script" not in html
    html_of(delayed(inc)(1, dask_key_name=EVIL))
    html_of(client.submit(inc, 1, key=EVIL))
    failed = client.submit(div, 1, 0, key=EVIL + "2")
    failed.exception()
    html_of(failed)
    html_of(delayed(evil)(1).dask)


def test_names_of_users_in_bars_stay_texts():
    from rask.distributed.bars import Count
    from rask.distributed.bars_html import bars_html

    counts = {EVIL: Count(4, 1, 1, 1), **{f"n{i}": Count(1) for i in range(100)}}
    html = bars_html(counts, 1.0, False, False)
    Shape(html)
    assert "52 more" in html and "1 erred, 1 given up" in html


def test_clients_and_clusters(client, shared_cluster):
    html = html_of(client)
    assert "threads: 4" in html and client.scheduler.address in html
    assert html.count("running") == 2
    assert html_of(shared_cluster).count("running") == 2
    with rask.distributed.Client(shared_cluster, name=EVIL) as named:
        html_of(named)
    assert "closed" in html_of(named)


def test_of_many_keys_some_are_listed():
    from rask.distributed.reprs import KEYS_MAX, has_what_html, who_has_html

    where = {("x", i): ("tcp://a:1",) for i in range(1_000 + KEYS_MAX)}
    html = who_has_html(where)
    Shape(html)
    assert html.count("tcp://a:1") == KEYS_MAX and "and 1,000 more keys" in html
    html = has_what_html({EVIL: tuple(where)})
    Shape(html)
    assert "1,100" in html and len(html) < 2_000


def test_an_output_that_is_gone_does_not_stop_the_others(client, gate, monkeypatch):
    """A cell's output is deleted while bars are drawn in it; those of another cell go on to the end."""
    from rask.distributed import bars_html
    from rask.distributed.bars import Tracker

    drawn = []

    def gone(html):
        raise RuntimeError("no such output")

    outputs = iter([gone, drawn.append])
    monkeypatch.setattr(bars_html, "_shown", lambda html: next(outputs))
    futures = client.map(behind, [gate.path] * 3, pure=False)
    bar = bars_html.ProgressWidget(Tracker(futures))
    bar._ipython_display_()
    bar._ipython_display_()
    gate.open()
    until(lambda: drawn and "Finished" in drawn[-1])
