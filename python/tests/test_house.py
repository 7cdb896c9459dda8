"""The rules of the house for Python, as far as tests see them; `crates/rask-tidy` has those of all files."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = sorted((ROOT / "python" / "rask").rglob("*.py"))
ALL = [
    *PACKAGE,
    *sorted((ROOT / "python" / "tests").rglob("*.py")),
    *sorted((ROOT / "examples").rglob("*.py")),
]
HEAVY = ["numpy", "pandas", "pyarrow", "IPython", "graphviz", "yaml", "dask", "distributed"]
"""Packages that are used when they are there, and that `import rask` must not need or wait for."""


def named(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", ALL, ids=named)
def test_every_module_opens_with_what_lives_there(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def public(tree):
    """Public functions, classes and methods."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


@pytest.mark.parametrize("path", [path for path in PACKAGE if path.name[0] != "_"], ids=named)
def test_what_is_public_is_documented(path):
    """A method of a subclass does what its namesake in the base says; so does a property's setter."""
    nodes = list(public(ast.parse(path.read_text(encoding="utf-8"))))
    documented = {node.name for node in nodes if ast.get_docstring(node)}
    assert [f"line {node.lineno}: {node.name}" for node in nodes if node.name not in documented] == []


def imported_modules(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node, node.module


@pytest.mark.parametrize("path", PACKAGE, ids=named)
def test_optional_packages_are_imported_where_they_are_used(path):
    """Never at the top of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_top = [name for node, name in imported_modules(tree) if node in tree.body]
    assert [name for name in at_top if name.partition(".")[0] in HEAVY] == []


def test_import_rask_brings_nothing_heavy():
    code = f"import sys, rask, rask.distributed; print(sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
