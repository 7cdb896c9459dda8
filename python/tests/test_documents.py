"""The documents tell the truth: their Python runs and prints what they say, their commands and flags exist,
their links lead somewhere, and the error messages they explain are ones that the code can say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
USERS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL = [*USERS, *(ROOT / name for name in ("ARCHITECTURE.md", "DESIGN.md", "CHANGELOG.md"))]
SECONDS_MAX = 60
CLUSTER_ADDRESS = "127.0.0.1:8786"
"""A document whose Python connects here gets a scheduler and a worker, started from the command line."""


def fenced(path: Path, language: str) -> list[tuple[int, str]]:
    """The blocks of one language, each with the number of its first line."""
    blocks, start, lines = [], 0, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not start and line.strip() == f"```{language}":
            start, lines = number + 1, []
        elif start and line.strip() == "```":
            blocks.append((start, "\n".join(lines) + "\n"))
            start = 0
        elif start:
            lines.append(line)
    assert not start, f"{path.name}: the block that begins in line {start} does not end"
    return blocks


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


# --- Python ------------------------------------------------------------------------------------------------

RUNNER = r"""
import ast, builtins, fnmatch, json, sys

name, blocks = json.load(open(sys.argv[1], encoding="utf-8"))
printed = {}
say = builtins.print


def note(*args, **kwargs):
    frame = sys._getframe(1)
    if frame.f_code.co_filename == name and "file" not in kwargs:
        printed.setdefault(frame.f_lineno, []).append(kwargs.get("sep", " ").join(map(str, args)))
    say(*args, **kwargs)


builtins.print = note
wrong = []
namespace = {"__name__": "__main__"}
for start, text in blocks:
    # Line numbers are those of the document.
    exec(compile("\n" * (start - 1) + text, name, "exec"), namespace)
    for number, line in enumerate(text.splitlines(), start):
        code, comment, expected = line.partition("  # ")
        if not (comment and code.lstrip().startswith("print(")):
            continue
        got = printed.get(number, [])
        pattern = expected.replace("[", "[[]").replace("…", "*")
        if not (len(got) == 1 and fnmatch.fnmatchcase(got[0], pattern)):
            wrong.append(f"{name}:{number} says {expected!r}, printed {got!r}")
sys.exit("\n".join(wrong) or 0)
"""


def environment(folder: Path) -> dict[str, str]:
    """Nothing of rask's from outside, and a folder of this test's for access files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RASK_")}
    return {**kept, "RASK_ACCESS_DIR": str(folder / "clusters"), "PYTHONUNBUFFERED": "1"}


def rask_command() -> list[str]:
    """The command `rask`, as the package installs it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    module, function = re.search(r'^rask = "([\w.]+):(\w+)"$', text, re.MULTILINE).groups()
    return [sys.executable, "-c", f"import sys; from {module} import {function}; sys.exit({function}())"]


class TwoTerminals:
    """A scheduler and a worker, as the documents tell users to start them."""

    def __init__(self, folder: Path) -> None:
        self.environment = environment(folder)
        self.scheduler = self.start("scheduler", "--port", "0", "--no-dashboard")
        self.address = ""
        for line in self.scheduler.stdout:
            if found := re.search(r"tcp://([\d.]+:\d+)", line):
                self.address = found[1]
                break
        assert self.address, "the scheduler says where it listens"
        self.worker = self.start("worker", self.address, "--nthreads", "1")
        # Whatever they print later must not fill a pipe that nobody reads.
        self.readers = [
            threading.Thread(target=process.stdout.read) for process in (self.scheduler, self.worker)
        ]
        for reader in self.readers:
            reader.start()

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [*rask_command(), *arguments],
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def close(self) -> None:
        for process in (self.worker, self.scheduler):
            process.terminate()
        for process in (self.worker, self.scheduler):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in self.readers:
            reader.join()
        for process in (self.worker, self.scheduler):
            process.stdout.close()


@pytest.fixture
def two_terminals(tmp_path):
    opened: list[TwoTerminals] = []

    def begin() -> str:
        opened.append(TwoTerminals(tmp_path))
        return opened[0].address

    yield begin
    for terminals in opened:
        terminals.close()


@pytest.mark.timeout(SECONDS_MAX + 30)
@pytest.mark.parametrize("path", [path for path in USERS if fenced(path, "python")], ids=named)
def test_the_python_runs_and_prints_what_it_says(path, tmp_path, two_terminals):
    """All blocks of a document run in order, in one namespace. A comment behind a `print(…)` is what it
    prints; `…` stands for anything."""
    import json

    blocks = fenced(path, "python")
    if any(CLUSTER_ADDRESS in text for _, text in blocks):
        address = two_terminals()
        blocks = [(start, text.replace(CLUSTER_ADDRESS, address)) for start, text in blocks]
    (tmp_path / "runner.py").write_text(RUNNER, encoding="utf-8")
    (tmp_path / "blocks.json").write_text(json.dumps([named(path), blocks]), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "runner.py", "blocks.json"],
        cwd=tmp_path,
        env=environment(tmp_path),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        out, err = process.communicate(timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"it did not end; stdout: {out}\nstderr: {err}")
    assert process.returncode == 0, f"stdout: {out}\nstderr: {err}"


# --- commands ----------------------------------------------------------------------------------------------


def shell_lines() -> list[tuple[str, str]]:
    lines = []
    for path in ALL:
        for _, text in fenced(path, "sh"):
            lines += [(named(path), line.strip()) for line in text.splitlines() if line.strip()]
    return lines


def words(line: str) -> list[str]:
    import shlex

    return [word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word)]


@pytest.fixture(scope="module")
def help_of(tmp_path_factory):
    """What `rask … --help` says, each asked once."""
    folder, known = tmp_path_factory.mktemp("help"), {}

    def ask(*subcommand: str) -> str:
        if subcommand not in known:
            done = subprocess.run(
                [*rask_command(), *subcommand, "--help"],
                env=environment(folder),
                text=True,
                capture_output=True,
                timeout=30,
            )
            assert done.returncode == 0, f"rask {' '.join(subcommand)} --help: {done.stderr}"
            known[subcommand] = done.stdout
        return known[subcommand]

    return ask


@pytest.mark.parametrize(("document", "line"), shell_lines())
def test_commands_exist(document, line, help_of):
    first, *rest = words(line)
    if first == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for target in rest:
            assert re.search(rf"^{re.escape(target)}\s*:", makefile, re.MULTILINE), f"make has no {target}"
    elif first.rpartition("/")[2] == "rask":
        text = help_of(rest[0])
        for flag in (word.partition("=")[0] for word in rest if word.startswith("--")):
            assert re.search(rf"{re.escape(flag)}\b", text), f"rask {rest[0]} has no {flag}"
    elif first in ("pip", "python") and "install" in rest:
        assert (ROOT / "pyproject.toml").is_file()
    elif first == "python":
        script = ROOT / rest[0]
        assert script.is_file(), f"there is no {rest[0]}"
        for flag in (word for word in rest if word.startswith("--")):
            assert f'"{flag}"' in script.read_text(encoding="utf-8"), f"{rest[0]} has no {flag}"
    else:
        assert first in ("git", "cd", "curl", "export", "scp"), f"{document} names the command {first!r}"


# --- what is named in the text -----------------------------------------------------------------------------


def source_text() -> str:
    """All source, with string literals that span lines made whole."""
    files = [
        *(ROOT / "crates").glob("*/src/**/*.rs"),
        *(ROOT / "crates").glob("*/page/*.js"),
        *(ROOT / "python" / "rask").glob("**/*.py"),
        ROOT / "Makefile",
    ]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
    text = re.sub(r"\\\n\s*", "", text)  # Rust: a backslash at the end of a line
    text = re.sub(r'"\n\s*f?"', "", text)  # Python: literals side by side
    return text.replace("\\n", "\n").replace('\\"', '"')


SOURCE = source_text()


@pytest.mark.parametrize("path", ALL, ids=named)
def test_environment_variables_are_read_somewhere(path):
    for name in set(re.findall(r"\bRASK_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))):
        generic = "__" in name  # RASK_SECTION__SETTING, which sets a configuration value
        assert generic or f'"{name}"' in SOURCE or f"$({name})" in SOURCE or name in CONFIGURATION, name


CONFIGURATION = {"RASK_SCHEDULER_ADDRESS"}
"""Read by `rask.config` like any other setting of that name."""


def test_what_is_not_offered_yet_is_listed():
    from rask.distributed.missing import CLIENT_METHODS, MODULE_NAMES

    text = (ROOT / "docs" / "differences-from-dask.md").read_text(encoding="utf-8")
    absent = [name for name in [*CLIENT_METHODS, *MODULE_NAMES] if f"`{name}`" not in text]
    assert not absent


def test_troubleshooting_quotes_messages_that_exist():
    """Each message of the page, between its ellipses, is in the source, but for the values in it."""
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^### `(.+)`$", text, re.MULTILINE)
    assert len(messages) > 10
    absent = []
    for message in messages:
        pieces = [piece.strip() for piece in message.split("…")]
        absent += [(message, piece) for piece in pieces if len(piece) > 3 and piece not in SOURCE]
    assert not absent


# --- links -------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The names that headings get on code-hosting sites."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("path", ALL, ids=named)
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        linked = (path.parent / place).resolve() if place else path
        assert linked.exists(), f"{target}: there is no such file"
        if anchor:
            assert anchor in anchors(linked), f"{target}: there is no such heading"


def test_every_page_is_reached_from_the_first():
    """Following links from the README leads to every document."""
    seen, to_do = set(), [ROOT / "README.md"]
    while to_do:
        path = to_do.pop()
        if path in seen or path.suffix != ".md":
            continue
        seen.add(path)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
            linked = (path.parent / target).resolve()
            if linked.is_file():
                to_do.append(linked)
    assert set(ALL) <= seen, sorted(map(named, set(ALL) - seen))


def test_settings_that_are_said_to_have_an_effect_are_read():
    text = (ROOT / "docs" / "differences-from-dask.md").read_text(encoding="utf-8")
    section = text.split("## Settings")[1].split("## ")[0]
    names = re.findall(r"^\| `([\w.-]+)` \|", section, re.MULTILINE)
    assert len(names) > 5
    absent = [name for name in names if f'"{name}"' not in SOURCE]
    assert not absent
