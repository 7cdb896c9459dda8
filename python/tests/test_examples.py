"""The lesson, as a program and as a notebook."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
CORPUS_IS_THERE = "the lesson's documents are installed by `make test`, from requirements/corpus.txt"


@pytest.mark.timeout(180)
def test_the_lesson_as_a_program(tmp_path):
    """It checks its own results and says so with its exit code."""
    pytest.importorskip("orangecontrib", reason=CORPUS_IS_THERE)
    command = [sys.executable, EXAMPLES / "lesson.py", "--quick", "--points", "20000", "--pictures", tmp_path]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert "All results are right" in ran.stdout
    assert "8,264 documents" in ran.stdout
    assert sorted(tmp_path.glob("*.svg"))


@pytest.mark.timeout(180)
def test_the_lesson_without_its_documents_says_what_to_do(tmp_path):
    command = [sys.executable, EXAMPLES / "lesson.py", "--quick", "--documents", tmp_path / "nowhere"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    assert "nowhere" in ran.stderr + ran.stdout


@pytest.mark.timeout(240)
@pytest.mark.filterwarnings("default")
def test_the_lesson_as_a_notebook():
    """Every cell runs in a clean kernel; those that show pictures show some."""
    pytest.importorskip("orangecontrib", reason=CORPUS_IS_THERE)
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(EXAMPLES / "lesson.ipynb", 4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are kept out of the repository"
    resources = {"metadata": {"path": os.fspath(EXAMPLES)}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in data for data in shown) >= 4
    assert sum("text/html" in data for data in shown) >= 3
