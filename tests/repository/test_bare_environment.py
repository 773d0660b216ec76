"""A node with torch, numpy, pyyaml, pydantic and tqdm can train; nothing else is needed."""

import re
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from factories import write_prepared
from packaging.requirements import Requirement

CORE = ("torch", "numpy", "pyyaml", "pydantic", "tqdm")
ROOT = Path(__file__).parents[2]
TRAIN = """
import sys
sys.path[:0] = [{site!r}, {root!r}, {tests!r}]
from pathlib import Path
from factories import tiny_settings
from alphagan.training import fit
fit(tiny_settings(), Path({folder!r}) / "prepared", Path({folder!r}) / "run", Path({folder!r}) / "scratch")
for name in ("nibabel", "nilearn", "matplotlib", "pandas", "scipy", "sklearn", "joblib"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{{name}} can be imported, so this environment is not bare")
"""


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(names):
    """Distributions that pip would install for these, on this machine."""
    found, todo = set(), [normal(name) for name in names]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        requirements = [Requirement(text) for text in distribution(name).requires or []]
        todo += [normal(r.name) for r in requirements if not r.marker or r.marker.evaluate({"extra": ""})]
    return found


@pytest.mark.slow
def test_training_needs_the_core_alone(tmp_path):
    wanted = closure(CORE)
    site = tmp_path / "site"
    site.mkdir()
    for module, owners in packages_distributions().items():
        if wanted & {normal(owner) for owner in owners}:
            for path in distribution(owners[0]).locate_file("").glob(f"{module}*"):
                if path.stem.split(".")[0] == module and not (site / path.name).exists():
                    (site / path.name).symlink_to(path)
    for name in wanted:  # what a package reads of its own version
        info = Path(distribution(name)._path)
        (site / info.name).symlink_to(info)
    write_prepared(tmp_path / "prepared")
    code = TRAIN.format(site=str(site), root=str(ROOT), tests=str(ROOT / "tests"), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run" / "weights.pt").exists()
