"""Behind a proxy that shows the page below a path everything works, and nothing is asked for beside it."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect

from . import hostile
from .conftest import Visitor
from .prefix_proxy import PrefixProxy

PREFIX = "/user/alice/proxy/8787"


@pytest.fixture(params=["kept", "told"])
def proxy(at_work, request):
    proxy = PrefixProxy(urlsplit(at_work.base).port, PREFIX, request.param)
    yield proxy
    proxy.close()
    assert proxy.astray == []


@pytest.fixture
def below(browser, at_work, proxy, request):
    """A visitor who comes through the proxy; whatever is asked for elsewhere is a complaint."""
    shown = SimpleNamespace(base=proxy.base, link=f"{proxy.base}/status?token={at_work.token}")
    visitor = Visitor(browser, shown, request.node.name)
    yield visitor
    visitor.close()


def test_the_cookie_goes_nowhere_else(below, proxy):
    page = below.open("/status")
    assert page.url == f"{proxy.base}/status"
    (cookie,) = below.context.cookies()
    assert (cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == (PREFIX, True, "Strict")
    assert below.context.cookies(f"http://{proxy.host}/user/bob/proxy/8787/status") == []


def test_every_tab_by_a_click_and_by_itself(below, proxy):
    page = below.open("/")
    tabs = page.get_by_role("navigation", name="Pages")
    for name in ("Graph", "Workers", "Tasks", "Events", "Status"):
        tabs.get_by_role("link", name=name).click()
        expect(page).to_have_url(f"{proxy.base}/{name.lower()}")
        expect(tabs.locator("[aria-current=page]")).to_have_text(name)
        page.reload()
        expect(page.locator("#connection")).to_have_text("live")
        expect(tabs.locator("[aria-current=page]")).to_have_text(name)
    expect(page.locator(".load-row").first).to_be_visible()
    page.go_back()
    expect(page).to_have_url(f"{proxy.base}/events")


def test_from_task_to_task_and_worker(below, proxy):
    page = below.open("/tasks?search=total-0")
    page.locator("tbody a.key").click()
    expect(page).to_have_url(f"{proxy.base}/task?key=total-0")
    page.reload()
    expect(page.locator("h1")).to_have_text("total-0")
    page.get_by_role("link", name="clean-3", exact=True).first.click()
    expect(page).to_have_url(f"{proxy.base}/task?key=clean-3")
    page.get_by_role("link", name="Tasks", exact=True).last.click()
    expect(page).to_have_url(f"{proxy.base}/tasks")
    page.goto(f"{proxy.base}/workers")
    page.get_by_role("link", name="0", exact=True).click()
    expect(page).to_have_url(f"{proxy.base}/worker?name=0")
    page.reload()
    expect(page.locator(".badge")).to_have_text("running")


@pytest.mark.parametrize("key", [hostile.SCRIPT, hostile.PATH, hostile.LINES])
def test_a_key_that_no_path_would_survive(below, key):
    page = below.open(f"/task?key={quote(key, safe='')}")
    expect(page.locator(".state-badge")).to_have_text("memory")
    assert page.locator("h1").evaluate("heading => heading.textContent") == key


def test_without_a_slash_at_the_end(below, proxy):
    page = below.page
    below.complaints.expected_address = proxy.base
    page.goto(f"{proxy.base}?{urlsplit(below.at_work.link).query}")
    expect(page.locator("#connection")).to_have_text("live")
    assert page.url == f"{proxy.base}/status"


def test_from_another_site_the_page_opens_at_the_second_click(below, proxy):
    below.open("/task?key=total-0")
    page = below.context.new_page()
    address = f"{proxy.base}/task?key=total-0"
    elsewhere = f'<a href="{address}">the dashboard</a>'
    page.route("http://notes.example/", lambda route: route.fulfill(body=elsewhere, content_type="text/html"))
    page.goto("http://notes.example/")
    page.get_by_role("link").click()
    expect(page.locator("h1")).to_contain_text("token")
    page.get_by_role("link", name="open again").click()
    expect(page.locator("#connection")).to_have_text("live")
    assert page.url == address


def test_who_is_logged_out_of_the_proxy_is_told(below, proxy):
    page = below.open("/tasks")
    login = {"status": 200, "body": "<h1>Who are you?</h1>", "content_type": "text/html"}
    page.route("**/api/v1/tasks?**", lambda route: route.fulfill(**login))
    page.get_by_role("searchbox").fill("clean")
    expect(page.locator(".empty")).to_contain_text("no longer logged in")


@pytest.mark.parametrize("proxy", ["hidden"], indirect=True)
def test_a_proxy_that_hides_the_host_is_named_as_the_culprit(below):
    below.complaints.expected = "WebSocket connection"
    page = below.page
    page.goto(below.at_work.link)
    expect(page.locator("#connection")).to_have_text("no live data")
    expect(page.locator("#notice")).to_contain_text("proxy")
