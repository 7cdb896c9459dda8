"""A browser, a cluster at work, pages that must not complain, load from elsewhere or obey what they show."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[3]
ARTEFACTS = Path(__file__).parent / "artefacts"
"""What the pages looked like at the end of each test."""
WAIT_MS = 20_000
TEST_SECONDS_MAX = 120
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


SPEAK = """async (pulse) => {
  const { live } = await import("/assets/live.js");
  const { store } = await import("/assets/store.js");
  live.hear = () => {};
  store.apply(pulse);
}"""
"""Says this pulse to the page; what the scheduler says is not heard from then on."""


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS_MAX))


def chromium_path() -> str:
    """Where the browser is; without one these tests fail, they are not skipped."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.fail(
            f"the dashboard's tests need one of {', '.join(CHROMIUM_NAMES)} on the PATH; "
            "`make test` installs Debian's chromium, elsewhere install it by the system's own means"
        )
    return found


@pytest.fixture(scope="package")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


class AtWork:
    """The cluster of `at_work.py`, or of another program here, in a process of its own."""

    def __init__(self, folder: Path, program: str = "at_work") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"browser.{program}", str(folder / "gate")],
            cwd=ROOT / "python" / "tests",
            env={**os.environ, "RASK_ACCESS_DIR": str(folder / "clusters")},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            self.link = self._answer()["link"]
        except BaseException:
            self.close()
            raise
        parts = urlsplit(self.link)
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.token = parse_qs(parts.query)["token"][0]

    def _answer(self) -> dict:
        """The next line of JSON; what tasks print stands between."""
        for line in self.process.stdout:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                return found
        raise AssertionError("the program before which the browser sits has ended")

    def tell(self, command: str) -> None:
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        assert self._answer() == {"done": command}

    @contextlib.contextmanager
    def many_tasks(self):
        """Meanwhile there are more tasks than a picture or a list shows at once."""
        self.tell("many")
        try:
            yield
        finally:
            self.tell("few")

    def get(self, path: str, token: str | None = None) -> tuple[int, str]:
        """Status and body of an answer; without `token`, with the right one."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        request = urllib.request.Request(self.base + path, headers=headers if token != "" else {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def json(self, path: str) -> dict:
        status, body = self.get(path)
        assert status == 200, body
        return json.loads(body)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=60)


@pytest.fixture(scope="package")
def at_work(tmp_path_factory):
    at_work = AtWork(tmp_path_factory.mktemp("at-work"))
    yield at_work
    at_work.close()


class Complaints:
    """What a page must not do."""

    def __init__(self, page: Page, base: str) -> None:
        self.found: list[str] = []
        self.expected: str | None = None
        """A pattern of console errors that belong to the test."""
        self.expected_address: str | None = None
        """What may be asked for beside what lies below `base`; without its query."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._request(request.url, base))
        page.on("websocket", lambda socket: self._request(socket.url.replace("ws", "http", 1), base))

    def _console(self, message) -> None:
        # The tests read pictures back, the page does not.
        patterns = filter(None, ["willReadFrequently", self.expected])
        known = any(re.search(pattern, message.text) for pattern in patterns)
        if message.type in ("error", "warning") and not known:
            self.found.append(f"console: {message.text}")

    def _dialog(self, dialog) -> None:
        self.found.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, url: str, base: str) -> None:
        if not url.startswith((base + "/", "data:")) and url.partition("?")[0] != self.expected_address:
            self.found.append(f"requested from elsewhere: {url}")


class Visitor:
    """Opens pages in one window."""

    def __init__(self, browser: Browser, at_work: AtWork, name: str, **context) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, **context)
        self.context.set_default_timeout(WAIT_MS)
        self.at_work, self.name = at_work, name
        self.page = self.context.new_page()
        self.complaints = Complaints(self.page, at_work.base)

    def open(self, path: str) -> Page:
        """The page at that path, connected."""
        if self.page.url == "about:blank":
            self.page.goto(self.at_work.link)
        self.page.goto(self.at_work.base + path)
        expect(self.page.locator("#connection")).to_have_text("live")
        return self.page

    def close(self) -> None:
        self.picture(self.name)
        obeyed = self.page.evaluate("window.obeyed")
        self.context.close()
        assert self.complaints.found == []
        assert obeyed is None, "a text that should have been shown was obeyed"

    def picture(self, name: str) -> None:
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{re.sub(r'[^A-Za-z0-9-]+', '-', name)}.png")


@pytest.fixture(scope="package", autouse=True)
def _patience():
    expect.set_options(timeout=WAIT_MS)


@pytest.fixture
def visitor(browser, at_work, request):
    visitor = Visitor(browser, at_work, request.node.name)
    yield visitor
    visitor.close()
