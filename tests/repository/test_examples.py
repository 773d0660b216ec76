"""The public interface: every name has an example, which gives what it says; Python in documents runs as it stands."""

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from documents import DOCUMENTS, document
from factories import tiny_settings, write_prepared

import alphagan
from alphagan.generation.networks import Networks
from alphagan.generation.run import Run
from alphagan.generation.share import export
from alphagan.training.loop import fit

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
    run = fit(settings, prepared, root / "models" / "normal" / "alpha_wgan_gp", root / "scratch")
    export(alphagan.load(run), root / "brains.onnx")
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


def code(path) -> str:
    """All blocks of Python of a document, one after the other."""
    return "".join(text for language, text in document(path).blocks if language == "python")


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if code(path)], ids=str)
def test_python_in_documents_runs_as_it_stands(path, inside, capsys):
    exec(compile(code(path), str(path), "exec"), {"__name__": "a document"})
    if path.name == "python.md":
        assert "# Memorisation audit" in capsys.readouterr().out


@pytest.mark.slow
def test_preparation_on_a_cluster_runs_as_it_stands(tmp_path):
    """What stands below `if __name__ == "__main__"`, as a script."""
    cohort = {"kind": "template", "source": "params.yaml", "n_subjects": 4, "voxel_size_mm": 6.0}
    experiment = {"cohort": "mine", "model": "alpha_wgan_gp"}
    params = {"cohorts": {"mine": cohort}, "experiments": {"mine": experiment}, "prepare": {"size": 16}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    (tmp_path / "script.py").write_text(code(Path("docs/preparation.md")))
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "data" / "prepared" / "mine" / "volumes.npy").shape == (4, 16, 16, 16)
