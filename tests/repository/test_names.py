"""Modules, files and tests that documents, notebooks and settings name are there."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from imports import ROOT, modules

FILES = [
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "data/README.md", "params.yaml", "dvc.yaml", "Makefile")
    ),
    *sorted((ROOT / "docs").glob("**/*.md")),
    *sorted((ROOT / "presets").glob("*.yaml")),
    *sorted((ROOT / "results").glob("**/*.md")),
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
    *sorted((ROOT / "alphagan").rglob("*.py")),
]
PACKAGE = ROOT / "alphagan"
MODULE = re.compile(r"(?<![\w/.])alphagan(?:\.[A-Za-z_]\w*)+")
PATH = re.compile(r"(?<![\w./-])(?:alphagan|docs|notebooks|presets|tests)/[\w./-]*\w")
IN_A_ROOM = re.compile(r"`([a-z]+/[\w/]+\.py)`")
PLACEHOLDER = re.compile(r"\b(?:NAME|DATASET)\b")
TEST = re.compile(r"`(test_\w+(?:\.py)?)`")


def text(path: Path) -> str:
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    return "\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)


def missing(said: str) -> set[str]:
    """Names in a text of what is not there."""
    found = {name for name in MODULE.findall(said) if not is_there(name)}
    found |= {name for name in PATH.findall(said) if not (ROOT / name).exists()}
    found |= {name for name in IN_A_ROOM.findall(said) if not (ROOT / name).exists() and not (PACKAGE / name).exists()}
    found |= {name for name in TEST.findall(said) if name not in known_tests()}
    return {name for name in found if not PLACEHOLDER.search(name)}


@cache
def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or what a module holds."""
    *parents, last = name.split(".")
    if name in modules():
        return True
    if ".".join(parents) in modules():
        return hasattr(importlib.import_module(".".join(parents)), last)
    *parents, owner = parents
    where = modules().get(".".join(parents))
    held = getattr(importlib.import_module(".".join(parents)), owner, None) if where else None
    return hasattr(held, last) or last in getattr(held, "__annotations__", {})


@cache
def known_tests() -> set[str]:
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        found |= {path.name, path.stem}
        found |= {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_named_is_there(path):
    assert missing(text(path)) == set()


@pytest.mark.parametrize(
    "said",
    [
        "`alphagan.cohorts.template`",
        "from alphagan.objectives import OBJECTIVES",
        "see alphagan/generate.py.",
        "`alphagan.metrics.mmd.nothing`",
        "in `tests/test_plan.py`",
        "`objectives/wgan_gp.py`",
        "`test_that_was_renamed`",
    ],
)
def test_what_is_not_there_is_seen(said):
    assert missing(said)


def test_what_is_there_is_not_complained_of():
    assert not missing(
        "`alphagan.metrics.mmd`, `alphagan.audit.comparison.Comparison.pairs`, alphagan/audit/nearest.py."
    )


def test_files_of_tests_have_names_of_their_own():
    """Two of one name cannot be collected together, though each passes alone."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) > 90 and sorted(names) == sorted(set(names))
