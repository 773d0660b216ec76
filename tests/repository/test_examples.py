"""The public interface: every name has an example, every example gives what it says, and so does docs/python.md."""

import doctest
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import tiny_settings, write_prepared

import alphagan
from alphagan.generation.networks import Networks
from alphagan.generation.run import Run
from alphagan.generation.share import export
from alphagan.training.loop import fit

ROOT = Path(__file__).parents[2]
NAMESPACE = {"alphagan": alphagan, "np": np, "torch": torch}
for room in (alphagan.metrics, alphagan.audit):
    NAMESPACE |= {name: getattr(room, name) for name in room.__all__}
PUBLIC = {"load": alphagan.load, "SyntheticDataset": alphagan.SyntheticDataset, "export": export}
PUBLIC |= {"Run": Run, "Networks": Networks}
PUBLIC |= {name: found for name, found in NAMESPACE.items() if callable(found)}


def everything():
    """Public functions, classes, and the methods and properties that classes have of their own."""
    for name, found in PUBLIC.items():
        yield name, found
        if inspect.isclass(found):
            for member, value in vars(found).items():
                if not member.startswith("_") and (callable(value) or hasattr(value, "__get__")):
                    yield f"{name}.{member}", value


EVERYTHING = dict(everything())


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with a prepared cohort and a trained run, where their users have them."""
    root = tmp_path_factory.mktemp("project")
    prepared = write_prepared(root / "data" / "prepared" / "normal")
    settings = tiny_settings(iterations=2).model_copy(update={"cohort": "normal"})
    fit(settings, prepared, root / "models" / "normal" / "alpha_wgan_gp", root / "scratch")
    return root


@pytest.fixture
def inside(project, monkeypatch):
    monkeypatch.chdir(project)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # arrays are so small that threads would only wait for each other
    yield
    torch.set_num_threads(n_threads)


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_public_name_has_an_example_that_holds(name, inside):
    (test,) = doctest.DocTestFinder(recurse=False).find(EVERYTHING[name], name, False, globs=NAMESPACE) or [None]
    assert test and test.examples, f"{name} has no example"
    said = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert not said, "".join(said)


def test_the_page_for_python_runs_as_it_stands(inside, capsys):
    code = "".join(re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), flags=re.DOTALL))
    exec(compile(code, "docs/python.md", "exec"), {})
    assert "# Memorisation audit" in capsys.readouterr().out
