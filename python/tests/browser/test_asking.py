"""Questions that are answered slowly: one at a time, and none is given up for the next."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .test_status import until

LONGER_THAN_ANY_PERIOD_MS = 5000


class Held:
    """Questions that wait until the test lets them go."""

    def __init__(self, page, pattern: str) -> None:
        self.page, self.routes = page, []
        page.route(pattern, lambda route: self.routes.append(route))

    def wait(self) -> None:
        until(self.page, lambda: self.routes, "a question")

    def let_go(self) -> None:
        for route in self.routes:
            route.continue_()


def test_tasks_are_not_asked_for_again_before_there_is_an_answer(visitor):
    page = visitor.open("/tasks")
    expect(page.locator("tbody a.key").first).to_be_visible()
    held = Held(page, "**/api/v1/tasks?**")
    held.wait()
    page.wait_for_timeout(LONGER_THAN_ANY_PERIOD_MS)
    assert len(held.routes) == 1
    held.let_go()
    until(page, lambda: len(held.routes) == 2, "the next question")


@pytest.fixture
def many(visitor):
    with visitor.at_work.many_tasks():
        yield


def test_the_next_page_of_tasks_is_not_given_up(visitor, many):
    page = visitor.open("/tasks?search=many")
    keys = page.locator("tbody a.key")
    expect(keys).to_have_count(100)
    held = Held(page, "**/api/v1/tasks?**after=**")
    page.get_by_role("button", name="More").click()
    held.wait()
    page.wait_for_timeout(LONGER_THAN_ANY_PERIOD_MS)
    held.let_go()
    expect(keys).to_have_count(200)


def test_what_is_looked_for_now_takes_the_place_of_what_was(visitor):
    page = visitor.open("/tasks")
    keys = page.locator("tbody a.key")
    expect(keys.first).to_be_visible()
    held = Held(page, "**/api/v1/tasks?search=load-**")
    page.get_by_role("searchbox").fill("load-")
    held.wait()
    page.get_by_role("searchbox").fill("clean-")
    expect(keys).to_have_count(6)
    expect(keys.first).to_have_text("clean-0")


def test_a_page_that_is_hidden_and_seen_does_not_ask_twice(visitor):
    held = Held(visitor.page, "**/api/v1/worker?**")
    page = visitor.open("/worker?name=0")
    held.wait()
    for _ in range(3):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(1000)
    assert len(held.routes) == 1
    held.let_go()
    expect(page.locator(".badge")).to_have_text("running")
