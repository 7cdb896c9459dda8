"""Running a program of its own in a process of its own, as a user would from a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

from .peer import PEER


def text(body):
    """The program's text: under test whichever package is, and guarded as Dask wants it (rask needs no
    guard)."""
    body = textwrap.dedent(body).strip("\n")
    imports = f"""
import os, sys, time
import {PEER} as rask
from {PEER} import delayed
from {PEER}.distributed import Client, wait, get_worker
"""
    return (
        imports
        + "\ndef main():\n"
        + textwrap.indent(body, "    ")
        + '\n\nif __name__ == "__main__":\n    main()\n'
    )


def heed_ctrl_c():
    """Whoever runs the tests in the background may have them ignore SIGINT, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(path, body, **kwargs):
    """Start the program; it lies in `path`, and runs there. Its output is unbuffered text."""
    program = path / "program.py"
    program.write_text(body)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, str(program)],
        preexec_fn=heed_ctrl_c,
        cwd=path,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **kwargs,
    )


def run(path, body, timeout_s=75):
    """Run the program to its end; return what it wrote to stdout and stderr. It must exit with 0."""
    process = start(path, body)
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the program did not end; stdout: {out!r}, stderr: {err!r}") from None
    assert process.returncode == 0, f"exit code {process.returncode}; stdout: {out!r}, stderr: {err!r}"
    return out, err
