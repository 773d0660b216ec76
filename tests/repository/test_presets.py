"""Every preset takes two steps of each experiment, on a tiny stand-in of its cohort laid out as the real one."""

from pathlib import Path

import layouts
import numpy as np
import pytest
import torch
import yaml

from alphagan.preparation.prepare import prepare
from alphagan.settings.config import load, parse
from alphagan.settings.paths import Paths
from alphagan.training.distributed import World
from alphagan.training.engine import Training
from alphagan.volumes.prepared import Volumes

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
N = 8


def stand_in(section: dict) -> dict:
    """Put N people where a preset's cohort looks for them, and return its section, changed where it must be."""
    kind, source = section["kind"], Path(section["source"])
    if kind == "template":
        return section | {"n_subjects": N, "voxel_size_mm": 6.0}
    if kind == "openneuro":  # the files as they lie once they are downloaded; test_openneuro.py downloads
        folder = Path(section["folder"])
        _write(folder, "sub-{:02d}/anat/sub-{:02d}_T1w.nii.gz")
        pattern = "sub-{subject}/anat/sub-{subject}_T1w.nii.gz"
        return {"kind": "nifti", "source": str(folder), "pattern": pattern}
    if kind == "nifti":
        _write(source, "IXI{:03d}_T1w.nii.gz")
        if "covariates" in section:
            people = "".join(f"IXI{index:03d}\t{30 + index}\tF\n" for index in range(N))
            Path(section["covariates"]).write_text(f"participant_id\tage\tsex\n{people}")
    elif kind == "semisynthetic_stroke":
        layouts.semisynthetic(source, n=N)
        return {key: value for key, value in section.items() if key != "pattern"}
    elif not source.exists():
        {"freesurfer": layouts.adni, "brats": layouts.brats, "atlas": layouts.atlas}[kind](source, n=N)
    return section


def _write(folder: Path, name: str) -> None:
    for index in range(N):
        path = folder / name.format(index, index)
        path.parent.mkdir(parents=True, exist_ok=True)
        layouts.brain(index).to_filename(path)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_two_steps_of_every_experiment(preset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = yaml.safe_load(preset.read_text())
    content["cohorts"] = {name: stand_in(section) for name, section in content["cohorts"].items()}
    content["prepare"] |= {"size": 16, "workers": 1}
    content["model"] |= {"width": 1 / 16, "code_units": 16}
    config = parse(content)
    for cohort in config.cohorts:
        prepare(cohort, config, Paths(), progress=False)
    for name, experiment in config.experiments.items():
        volumes = Volumes(Paths().prepared(experiment.cohort))
        assert len({subject["subject"] for subject in volumes.subjects}) == N
        training = Training(config.settings(name), World(torch.device("cpu")))
        before = [p.clone() for p in training.networks["G"].parameters()]
        rows = volumes.rows("train")
        steps = [training.step(volumes, rows) for _ in range(2)]
        assert all(torch.isfinite(term) for terms in steps for term in terms.values()), name
        assert not all(map(torch.equal, before, training.networks["G"].parameters())), name


@pytest.mark.slow
def test_a_step_at_the_papers_scale(tmp_path):
    """The networks of the paper, unchanged, on four volumes of noise."""
    config = load(ROOT / "presets" / "paper_adni.yaml")
    settings = config.settings("adni-alpha_wgan_gp")
    assert (settings.size, settings.train.batch_size, settings.model.z_dim) == (64, 4, 1000)

    class Noise:
        def tensor(self, rows, device="cpu"):
            generator = torch.Generator().manual_seed(0)
            return torch.rand(len(rows), 1, 64, 64, 64, generator=generator) * 2 - 1

    terms = Training(settings, World(torch.device("cpu"))).step(Noise(), list(range(8)))
    assert all(np.isfinite(value.item()) for value in terms.values())


def test_every_model_of_a_cohort_sees_as_many_real_scans():
    from alphagan.models import OBJECTIVES

    for path in [ROOT / "params.yaml", *PRESETS]:
        config, seen = load(path), {}
        for name, experiment in config.experiments.items():
            settings = config.settings(name)
            if "longer" in experiment.model:  # on purpose: as many steps of G as the proposed model
                of_ours = config.settings(f"{experiment.cohort}-alpha_wgan_gp")
                assert settings.train.iterations == of_ours.train.iterations * of_ours.model.generator_steps
                continue
            objective = OBJECTIVES[settings.family](
                16, settings.model.model_copy(update={"width": 1 / 16, "code_units": 8})
            )
            scans = objective.n_batches * settings.train.iterations * settings.train.batch_size
            seen.setdefault(experiment.cohort, set()).add(scans)
        assert all(len(counts) == 1 for counts in seen.values()), (path.name, seen)
