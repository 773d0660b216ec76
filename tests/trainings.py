"""Small trainings that tests interrupt, starve and spoil."""

import multiprocessing
import time

import numpy as np
import yaml
from factories import tiny_settings, write_prepared

from alphagan.settings import config
from alphagan.settings.preparation import write_description
from alphagan.training import loop as training
from alphagan.training.engine import Training

CHILDREN = multiprocessing.get_context("forkserver")  # loads torch once; every child starts from there
CHILDREN.set_forkserver_preload(["alphagan.training", "torch._dynamo"])  # the second is loaded by a first Adam step


def draw(volumes, path):
    np.save(path, volumes)


def fit(folder, name="run", on_sample=None, model_name="alpha_wgan_gp", **train):
    settings = tiny_settings(name=model_name, **train)
    return training.fit(settings, folder / "prepared", folder / name, folder / f"scratch-{name}", on_sample)


def trained(folder, settings):
    """The folder, with a prepared cohort and a run that was trained on it."""
    training.fit(settings, write_prepared(folder / "prepared"), folder / "run", folder / "scratch")
    return folder


def work(folder, name="run"):
    """Folder of the only run below this scratch folder."""
    (found,) = (folder / f"scratch-{name}").iterdir()
    return found


def checkpoints(folder, name="run"):
    """Checkpoints, oldest first."""
    return sorted(work(folder, name).glob("checkpoint-*.pt"))


def configuration(**train):
    dump = tiny_settings(**train).model_dump(mode="json", exclude={"train": config.WHERE})
    return dump | {"data": "0123456789ab"}


def poison(monkeypatch, at, change):
    """Have `change` alter the training or its loss terms once iteration `at` is done."""
    step = Training.step

    def poisoned(self, volumes, rows):
        terms = step(self, volumes, rows)
        return change(self, terms) if self.iteration >= at else terms

    monkeypatch.setattr(Training, "step", poisoned)


def whole_run(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def wait_for(child, pattern):
    while not list(child.folder.glob(pattern)):
        assert child.is_alive(), child.exitcode
        time.sleep(0.005)


COMMAND_LINE = {
    "cohorts": {"tiny": {"kind": "template", "source": "x"}},
    "experiments": {"tiny": {"cohort": "tiny", "model": "alpha_wgan_gp"}},
    "prepare": {"size": 16},
    "model": {"z_dim": 8, "width": 0.0625, "code_units": 16},
    "train": {"iterations": 8, "batch_size": 4, "checkpoint_every": 2, "sample_every": 100, "threads": 1},
}


def params(folder, **train):
    """Write params.yaml, and the cohort where the command line looks for it."""
    content = COMMAND_LINE | {"train": COMMAND_LINE["train"] | train}
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    return described(write_prepared(folder / "data" / "prepared" / "tiny"))


def described(prepared):
    """The folder of a prepared cohort, which tells that it was prepared as COMMAND_LINE has it."""
    write_description(config.parse(COMMAND_LINE), "tiny", prepared)
    return prepared
