"""The other pages, and going from one to the next."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from . import hostile
from .conftest import AtWork, Visitor
from .test_asking import LONGER_THAN_ANY_PERIOD_MS

TABS = ("Status", "Graph", "Workers", "Tasks", "Events")


def title(name: str) -> re.Pattern:
    """With where the cluster is, which tells it from others."""
    return re.compile(rf"^{name} · rask 127\.0\.0\.1:\d+$")


def test_tabs_are_links(visitor):
    page = visitor.open("/")
    tabs = page.locator("#tabs")
    for name in TABS:
        tabs.get_by_role("link", name=name).click()
        expect(page).to_have_url(f"{visitor.at_work.base}/{name.lower()}")
        expect(page).to_have_title(title(name))
        expect(tabs.locator("[aria-current=page]")).to_have_text(name)
        expect(page.locator("h1")).to_have_text(name)
    page.go_back()
    expect(page).to_have_title(title("Tasks"))
    expect(page.locator("#connection")).to_have_text("live")


def test_tabs_by_keyboard(visitor):
    page = visitor.open("/status")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.locator("#tabs a").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_title(title("Workers"))


def test_light_and_dark(visitor):
    page = visitor.open("/status")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#theme").click()
    assert page.evaluate(ground) != light
    visitor.picture("dark")
    dark = page.evaluate(ground)
    page.reload()
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize(
    "path", ["status", "graph", "workers", "worker?name=0", "tasks", "task?key=total-0", "events"]
)
def test_a_narrow_window(visitor, path):
    page = visitor.open(f"/{path}")
    page.set_viewport_size({"width": 900, "height": 800})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 900


def test_beside_a_notebook_the_stream_does_not_grow_with_the_progress(visitor):
    page = visitor.open("/status")
    page.set_viewport_size({"width": 700, "height": 800})
    expect(page.locator(".progress-row").first).to_be_visible()
    stream, progress = (page.locator(name).bounding_box() for name in (".stream", ".progress"))
    assert stream["height"] == 380
    assert progress["height"] <= 440
    expect(page.locator(".progress-row", has_text="failing").locator(".bad")).to_be_visible()


def test_the_table_of_workers(visitor):
    page = visitor.open("/workers")
    rows = page.locator("tbody tr")
    expect(rows.first).to_be_visible()
    head = page.get_by_role("columnheader", name="Name")
    expect(head).to_have_attribute("aria-sort", "ascending")
    names = rows.locator("td[data-column=name]").filter(has_text=re.compile("^[01]$"))
    expect(names).to_have_text(["0", "1"])
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(names).to_have_text(["1", "0"])
    expect(rows.filter(has_text="just now").first).to_be_visible()
    address = rows.last.locator("td[data-column=address]").inner_text()
    page.get_by_role("searchbox").fill(address)
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox").fill("nobody is called so")
    expect(page.locator(".empty")).to_contain_text("No worker")


def test_what_matters_of_workers_is_seen_beside_a_notebook(visitor):
    page = visitor.open("/workers")
    page.set_viewport_size({"width": 700, "height": 800})
    heads = page.get_by_role("columnheader")
    expect(page.locator("tbody tr").first).to_be_visible()
    assert [one.inner_text().split(" ")[0] for one in heads.all()[:5]] == [
        "Name",
        "Memory",
        "Processing",
        "Executing",
        "CPU",
    ]
    box = heads.nth(4).bounding_box()
    assert box["x"] + box["width"] <= 690


def test_long_names_of_workers_differ_in_tables(visitor):
    page = visitor.open("/workers")
    expect(page.locator("tbody tr").first).to_be_visible()
    names = [f"gpu-node-rack17.cluster.example.org:worker-{n:04}" for n in (1, 2)]
    page.evaluate(
        """async (names) => {
            const { store } = await import("/assets/store.js");
            [...store.workers.values()].slice(0, 2).forEach((row, i) => {
                const [id, address] = [-1 - i, "inproc://" + "a".repeat(99)];
                store.workers.set(id, { ...row, id, name: names[i], address });
            });
        }""",
        names,
    )
    for name in names:
        link = page.get_by_role("link", name=name)
        expect(link).to_have_text(re.compile(f"^gpu-.+….+{name[-4:]}$"))
        expect(link).to_have_attribute("title", name)
    wrap = page.locator(".table-wrap")
    assert wrap.evaluate("one => one.scrollWidth <= one.clientWidth"), "addresses shrink"


def test_the_page_of_a_worker(visitor):
    at_work = visitor.at_work
    busy = at_work.json("/api/v1/task?key=slow-0")["workers"][0]
    page = visitor.open("/workers")
    page.get_by_role("link", name=busy, exact=True).click()
    expect(page.locator("h1")).to_have_text(busy)
    expect(page.locator(".badge")).to_have_text("running")
    executing = page.locator(".executing li", has_text="slow-0")
    expect(executing).to_be_visible()
    before = executing.locator("b").inner_text()
    expect(executing.locator("b")).not_to_have_text(before)
    expect(page.locator(".assigned li", has_text="slow-0")).to_be_visible()
    expect(page.locator(".log-lines li[data-topic=worker]").first).to_contain_text("joined")
    expect(page.locator(".worker-memory canvas")).to_be_visible()
    executing.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/task\?key=slow-0$"))


def test_the_page_of_a_worker_that_is_not_there(visitor):
    visitor.complaints.expected = "404"
    page = visitor.open("/worker?name=nobody")
    expect(page.locator(".empty")).to_contain_text("nobody")


def test_looking_for_tasks(visitor):
    page = visitor.open("/tasks")
    keys = page.locator("tbody a.key")
    expect(keys.first).to_be_visible()
    page.get_by_role("searchbox").fill(" clean- ")
    expect(keys).to_have_count(6)
    expect(page).to_have_url(re.compile(r"\?search=clean-$"))
    page.get_by_role("searchbox").fill("")
    page.get_by_label("State").select_option("erred")
    expect(keys).to_have_count(len(hostile.ALL))
    expect(page).to_have_url(re.compile(r"\?state=erred$"))
    page.reload()
    expect(keys).to_have_count(len(hostile.ALL))
    page.get_by_role("searchbox").fill("no key has this in it")
    expect(page.locator(".empty")).to_contain_text("No task")


def two_pages_of_tasks(visitor):
    """The links to many tasks, of which the first page and the next are shown."""
    page = visitor.open("/tasks?search=many")
    keys = page.locator("tbody a.key")
    expect(keys).to_have_count(100)
    page.get_by_role("button", name="More").click()
    expect(keys).to_have_count(200)
    return keys


def test_tasks_page_by_page(visitor):
    with visitor.at_work.many_tasks():
        two_pages_of_tasks(visitor)


def test_further_pages_of_tasks_stay_fresh(visitor):
    with visitor.at_work.many_tasks():
        keys = two_pages_of_tasks(visitor)
    expect(keys).to_have_count(0)
    expect(visitor.page.get_by_role("button", name="Refresh")).to_be_hidden()


def test_of_too_many_tasks_the_list_says_of_when_it_is(visitor):
    with visitor.at_work.many_tasks():
        page = visitor.open("/tasks?search=many")
        keys = page.locator("tbody a.key")
        for count in range(100, 1100, 100):
            expect(keys).to_have_count(count)
            expect(page.locator(".as-of")).to_be_hidden()
            page.get_by_role("button", name="More").click()
        expect(keys).to_have_count(1100)
        expect(page.locator(".as-of")).to_contain_text(re.compile(r"as of \d\d:\d\d:\d\d"))
    page.wait_for_timeout(LONGER_THAN_ANY_PERIOD_MS)
    expect(keys).to_have_count(1100)
    page.get_by_role("button", name="Refresh").click()
    expect(keys).to_have_count(0)


def test_the_tasks_of_a_prefix(visitor):
    page = visitor.open("/task?key=load-0")
    with page.expect_request(re.compile(r"/api/v1/tasks\?prefix=load&limit=")):
        page.locator(".facts").get_by_role("link", name="load", exact=True).click()
    expect(page).to_have_url(re.compile(r"/tasks\?prefix=load$"))
    chip = page.locator(".prefix-chip")
    expect(chip).to_have_text("prefix load×")
    expect(page.locator("tbody tr", has_text="load-5")).to_be_visible()
    with page.expect_request(re.compile(r"\?prefix=load&search=5&limit=")):
        page.get_by_role("searchbox").fill("5")
    expect(page).to_have_url(re.compile(r"\?prefix=load&search=5$"))
    page.reload()
    with page.expect_request(re.compile(r"/tasks\?search=5&limit=")):
        chip.click()
    expect(chip).to_have_count(0)
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?search=5$"))


def test_the_page_of_a_task(visitor):
    page = visitor.open("/task?key=total-0")
    expect(page.locator(".state-badge")).to_have_text("memory")
    explain = visitor.at_work.json("/api/v1/task?key=total-0")["explain"]
    expect(page.locator(".explain")).to_have_text(explain)
    expect(page.locator(".relatives", has_text="Depends on (6)").locator("a")).to_have_count(6)
    expect(page.locator(".facts")).to_contain_text("Duration")
    page.get_by_role("link", name="clean-3").click()
    expect(page).to_have_url(re.compile(r"/task\?key=clean-3$"))
    expect(page.locator(".relatives", has_text="Needed by").get_by_role("link")).to_have_text(["total-0"])
    page.get_by_role("link", name="load-3").click()
    expect(page.locator("h1")).to_have_text("load-3")


def test_the_transfers_of_a_value(visitor):
    """Those that were fetched together share an entry, which names one of them."""
    tasks = [visitor.at_work.json(f"/api/v1/task?key=load-{n}") for n in range(6)]
    named = next(task["key"] for task in tasks if task["transfers"])
    page = visitor.open(f"/task?key={named}")
    rows = page.locator(".transfers-panel tbody tr")
    expect(rows.first).to_contain_text("KiB")
    expect(rows.first.get_by_role("link").first).to_have_text(re.compile("^[01]$"))


def test_the_story_of_a_task(visitor):
    page = visitor.open("/task?key=slow-0")
    expect(page.locator(".state-badge")).to_have_text("processing")
    steps = page.locator(".story li")
    expect(steps.last).to_contain_text("processing")
    assert steps.count() == len(visitor.at_work.json("/api/v1/task?key=slow-0")["story"])


def test_why_a_task_does_not_run(visitor):
    page = visitor.open("/task?key=nowhere-0")
    expect(page.locator(".state-badge")).to_have_text("no-worker")
    expect(page.locator(".explain")).to_contain_text("unicorn")


def test_a_task_that_erred(visitor):
    page = visitor.open("/task?key=failing-0")
    expect(page.locator(".state-badge")).to_have_text("erred")
    expect(page.locator(".panel.error")).to_contain_text("ValueError")
    expect(page.locator("pre.traceback")).to_contain_text("in fail")


def test_a_task_that_nobody_knows(visitor):
    visitor.complaints.expected = "404"
    page = visitor.open("/task?key=never%2Fwas")
    expect(page.locator("h1")).to_have_text("never/was")
    expect(page.locator(".empty")).to_contain_text("not known")


def test_the_graph(visitor):
    page = visitor.open("/graph")
    expect(page.locator(".legend")).to_contain_text(re.compile(r"memory \d+"))
    expect(page.locator(".legend")).to_contain_text(f"erred {len(hostile.ALL)}")
    page.locator(".as-table summary").click()
    expect(page.locator(".as-table tr", has_text="total-0")).to_contain_text("memory")
    hover_over_a_node(page)
    expect(page.locator("#tooltip")).to_be_visible()
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(re.compile(r"/task\?key=.+"))


def test_a_fan_is_drawn_as_large_as_it_fits(visitor):
    """Nodes that are level but for a rounding do not make all dots too small to be seen."""
    page = visitor.open("/graph")
    fan = [{"x": 12, "y": 831}, {"x": 276, "y": 830.9999999999995}]
    fan += [{"x": 144, "y": 12 + 42 * i} for i in range(40)]
    drawn = page.evaluate(
        """async (nodes) => {
            const { spacingOf, radiusOf } = await import("/assets/graph_draw.js");
            const { PictureView } = await import("/assets/picture_view.js");
            const [spacing, view] = [spacingOf({ nodes }), new PictureView()];
            const box = { width: 1200, height: 660 };
            view.fit({ width: 288, height: 1662 }, box, { x: 240 / spacing.x, y: 60 / spacing.y });
            const [left, right, bottom] = [view.x(12), view.x(276), view.y(1650)];
            return { radius: radiusOf(spacing, view), left, right, bottom };
        }""",
        fan,
    )
    assert drawn["radius"] > 4
    assert 0 < drawn["left"] < 500 < 700 < drawn["right"] < 1200, "a tall picture is pulled apart"
    assert drawn["bottom"] < 660


def hover_over_a_node(page):
    canvas = page.locator(".graph-box canvas")
    box = canvas.bounding_box()
    for y in range(10, int(box["height"]), 9):
        for x in range(10, int(box["width"]), 9):
            page.mouse.move(box["x"] + x, box["y"] + y)
            if "pointing" in (canvas.get_attribute("class") or ""):
                return
    raise AssertionError("no node was met")


def test_a_large_graph_is_shown_as_groups(visitor):
    with visitor.at_work.many_tasks():
        page = visitor.open("/graph")
        expect(page.locator(".page-head")).to_contain_text(re.compile(r"tasks exist, in \d+ groups"))
        page.locator(".as-table summary").click()
        many = page.locator(".as-table tr", has=page.get_by_role("link", name="same", exact=True))
        expect(page.get_by_role("columnheader").nth(1)).to_have_text("Tasks so far")
        expect(many.locator("td").nth(1)).to_have_text(re.compile(r"^\d.\d\d\d$"))
        page.locator(".as-table").get_by_role("link", name="clean").click()
        expect(page).to_have_url(re.compile(r"\?group=clean$"))
        expect(page.locator(".legend")).to_contain_text("memory 6")
        page.get_by_role("link", name="All groups").click()
        expect(page.locator(".page-head")).to_contain_text("groups")


def test_events(visitor):
    page = visitor.open("/events")
    events = page.locator(".events > li")
    joined = events.filter(has=page.locator("[data-kind=worker-joined]"))
    expect(joined.first).to_contain_text("ago")
    expect(events.filter(has=page.locator("[data-kind=error]")).first).to_contain_text("ValueError")
    page.locator(".chips button", has_text="error").click()
    expect(joined).to_have_count(0)
    page.get_by_role("link", name="failing").first.click()
    expect(page).to_have_url(re.compile(r"\?prefix=failing&state=erred$"))
    page.go_back()
    page.locator(".chips button", has_text="error").click()
    page.locator(".chips button", has_text="error").click()
    expect(joined.first).to_be_visible()


HEAR = """async (news) => {
  const { store } = await import("/assets/store.js");
  const nobody = { workers: [], workers_gone: [], names: {}, executing: [] };
  const none = { ...nobody, prefixes: [], bars: [], transfers: [] };
  const { scheduler } = store;
  store.apply({ full: false, at: store.now(), scheduler, bars_from: null, ...none, ...news });
}"""
"""Tells the page more than the cluster does."""


def test_that_events_were_forgotten_is_said(visitor):
    page = visitor.open("/events")
    sum_, chips = page.locator(".page-head [role=status]"), page.locator(".chips button")
    expect(sum_).to_have_text(re.compile(r"^\d+ events$"))
    expect(page.locator(".panel .empty")).to_have_count(2)
    expect(page.locator(".panel .empty").last).to_be_hidden()
    event = {"at": time.time(), "kind": "retry", "subject": "inc", "text": "", "count": 1}
    page.evaluate(HEAR, {"events": [{**event, "number": number} for number in range(5000, 5500)]})
    expect(chips.filter(has_text="retry")).to_have_text("retry 500+")
    expect(chips.filter(has_text="error")).to_have_text(re.compile(r"error \d+\+"))
    expect(chips.filter(has_text="worker-joined")).to_have_text(re.compile(r"worker-joined \d+$"))
    expect(sum_).to_have_text(re.compile(r"^the last 5\d\d of 5.500 events$"))
    expect(page.locator(".panel .empty").last).to_be_visible()
    chips.filter(has_text="worker-joined").click()
    expect(sum_).to_have_text(re.compile(r"^\d+ of 5.500 events$"))
    chips.filter(has_text="worker-joined").click()
    chips.filter(has_text="retry").click()
    expect(sum_).to_have_text("the last 500 of 5\u202f500 events")


def test_a_worker_that_left_is_not_the_one_that_has_its_name(visitor):
    page = visitor.open("/events")
    here = visitor.at_work.json("/api/v1/worker?name=0")["worker"]["id"]
    event = {"at": time.time(), "subject": "0", "text": "told by the test", "count": 1}
    gone = {**event, "number": 5000, "kind": "worker-lost", "worker_id": 77}
    joined = {**event, "number": 5001, "kind": "worker-joined", "worker_id": here}
    page.evaluate(HEAR, {"events": [gone, joined]})
    events = page.locator(".events > li", has_text="told by the test")
    links = [
        events.filter(has=page.locator(f"[data-kind={one}]")).locator("a")
        for one in (gone["kind"], joined["kind"])
    ]
    expect(links[0]).to_have_attribute("href", "worker?id=77")
    expect(links[1]).to_have_attribute("href", "worker?name=0")

    facts = {
        "id": 77,
        "name": "0",
        "address": "inproc://a",
        "pid": 1,
        "host": "h",
        "nthreads": 1,
        "runtime": None,
    }
    left = {**facts, "version": None, "resources": {}, "joined": 1.0, "at": 2.0, "reason": "killed"}
    others = [{"id": n, "at": 1.0, "reason": f"reason {n}"} for n in (80, 77, 5)]
    answer = {"worker": None, "gone": left, "executing": [], "assigned": [], "log": [], "earlier": others}
    page.route("**/api/v1/worker?id=77", lambda route: route.fulfill(json=answer))
    links[0].click()
    expect(page.locator("h1")).to_have_text("0")
    expect(page.locator(".badge")).to_have_text("gone")
    expect(page.locator(".empty p")).to_have_text(
        [re.compile("killed$"), "Another worker of its name is here: 0"]
    )
    expect(page.locator(".empty a")).to_have_attribute("href", "worker?name=0")
    earlier = page.locator(".earlier li")
    expect(earlier).to_have_count(1)
    expect(earlier).to_contain_text("reason 5")
    expect(earlier.locator("a")).to_have_attribute("href", "worker?id=5")


def test_the_story_of_a_task_names_the_worker_that_is_meant(visitor):
    def as_if_gone(route):
        answer = route.fetch().json()
        for step in answer["story"]:
            step["worker_id"] = 77
        route.fulfill(json=answer)

    visitor.page.route("**/api/v1/task?**", as_if_gone)
    page = visitor.open("/task?key=failing-0")
    for part in (".story", ".panel.error"):
        expect(page.locator(f"{part} a.name").first).to_have_attribute("href", "worker?id=77")


def test_a_cluster_that_ends_is_said_to_have_ended(browser, tmp_path):
    at_work = AtWork(tmp_path)
    visitor = Visitor(browser, at_work, "ended")
    visitor.complaints.expected = "ERR_CONNECTION_REFUSED|WebSocket connection"
    page = visitor.open("/status")
    at_work.close()
    expect(page.locator("#connection")).to_have_text("ended")
    expect(page.locator("#notice")).to_contain_text("has ended")
    page.locator("#tabs").get_by_role("link", name="Graph").click()
    expect(page.locator(".graph-box")).to_have_text("There is no cluster to ask for the graph.")
    visitor.close()
