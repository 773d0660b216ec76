"""pyproject.toml, requirements.lock and environment.yml describe one environment."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import alphagan
from alphagan.workbench.away.pack import KINDS_OF_CODE

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, PACKED = PYPROJECT["project"], PYPROJECT["tool"]["setuptools"]["package-data"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
CORE = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = {name: [Requirement(text) for text in group] for name, group in PROJECT["optional-dependencies"].items()}
EVERYTHING = [*CORE, *chain.from_iterable(EXTRAS.values())]
LOCK_LINES = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
LOCK = {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in LOCK_LINES)}


def modules(requirements):
    """Top-level modules that the given requirements install."""
    wanted = {canonicalize_name(requirement.name) for requirement in requirements}
    provided = importlib.metadata.packages_distributions().items()
    return {module for module, owners in provided if wanted & {canonicalize_name(owner) for owner in owners}}


def third_party_imports(path):
    """Top-level modules that a source file imports, but for the standard library and alphagan itself."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"alphagan"}


@pytest.mark.parametrize("requirement", EVERYTHING, ids=lambda requirement: requirement.name)
def test_the_lock_holds_every_declared_dependency_at_a_version_it_allows(requirement):
    assert LOCK[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_lock_is_sorted_and_serves_cpu_and_cuda_alike():
    assert len(LOCK) == len(LOCK_LINES)
    assert sorted(LOCK_LINES, key=str.upper) == LOCK_LINES
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line) for line in LOCK_LINES)  # no hash, URL or +cpu
    assert not [name for name in LOCK if name.startswith(("nvidia-", "cuda-", "triton"))]
    assert not {"alphagan", "pip", "setuptools", "wheel"} & LOCK.keys()


def test_every_file_of_the_package_is_installed_and_sent_to_other_machines():
    found = [path for path in (ROOT / "alphagan").rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    packed = [
        path for package, globs in PACKED.items() for g in globs for path in (ROOT / package.replace(".", "/")).glob(g)
    ]
    assert {path for path in found if path.suffix != ".py"} == set(packed)
    assert {path.suffix for path in found} <= KINDS_OF_CODE


def test_conda_installs_the_lock_on_a_python_that_the_project_allows():
    (pip,) = [entry["pip"] for entry in CONDA if isinstance(entry, dict)]
    assert pip == ["-r requirements.lock", "-e ."]
    assert {"git", "make", "pip"} <= set(map(str, CONDA))
    (python,) = [entry.removeprefix("python=") for entry in CONDA if str(entry).startswith("python=")]
    assert Version(python) in SpecifierSet(PROJECT["requires-python"])


def test_alphagan_imports_nothing_undeclared():
    # One prepares on a cluster where the user has it, one is a competitor in the benchmark, one comes with pydantic,
    # which pins it and sends to it for errors of one's own.
    of_users = CORE + EXTRAS["notebooks"] + EXTRAS["share"] + EXTRAS["onnx"]
    declared = modules(of_users) | {"distributed", "torchmetrics", "pydantic_core"}
    undeclared = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / "alphagan").rglob("*.py")
        for module in third_party_imports(path) - declared
    }
    assert not undeclared


def test_tests_import_nothing_undeclared():
    declared = modules(EVERYTHING)
    local = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    assert not {
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / "tests").rglob("*.py")
        for module in third_party_imports(path) - declared - local
    }


def test_the_citation_names_this_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == alphagan.__version__
