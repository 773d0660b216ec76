"""The evaluation compares with held-out people, and puts known generators in the right order."""

import json

import numpy as np
import pytest
import torch
from factories import write_prepared

from alphagan.cohort_config import Augment
from alphagan.config import parse
from alphagan.config_sections import Evaluate
from alphagan.errors import InputError
from alphagan.evaluation import Sample, collect, distance, diversity, evaluate, mean_brain, real_sample
from alphagan.paths import Paths
from alphagan.training import fit
from alphagan.volumes import Volumes

SETTINGS = Evaluate(n_generated=64, n_pairs=60, mmd_repeats=20, n_bootstrap=100)
CONTENT = {
    "cohorts": {"blobs": {"kind": "template", "source": "x"}},
    "experiments": {"run": {"cohort": "blobs", "model": "alpha_wgan_gp"}},
    "prepare": {"size": 16},
    "model": {"z_dim": 8, "width": 0.0625, "code_units": 16, "critic_norm": "none"},
    "train": {"iterations": 4, "batch_size": 4},
    "evaluate": {"n_generated": 16, "n_pairs": 20, "mmd_batch": 4, "mmd_repeats": 5, "n_bootstrap": 100},
}


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    return Volumes(write_prepared(tmp_path_factory.mktemp("blobs") / "p", n=100))


def real(blobs, split, copies=2):
    return real_sample(blobs, [split], Augment(), copies, seed=0)


def test_real_sample_augments_each_person_and_keeps_copies_together(blobs):
    found = real(blobs, "test", copies=3)
    assert found.volumes.shape == (60, 16, 16, 16)
    assert found.people == blobs.people(blobs.rows("test")) * 3
    assert not torch.equal(found.volumes[0], found.volumes[20])  # two copies of one person
    assert set(found.people).isdisjoint(real(blobs, "train").people)


def test_known_generators_are_ordered(blobs):
    """The training scans themselves are nearer than their mean, and that is nearer than noise."""
    held_out, train = real(blobs, "test"), real(blobs, "train")
    noise = Sample(torch.randn(64, 16, 16, 16, generator=torch.Generator().manual_seed(0)).clamp(-1, 1))
    rows = [
        distance(held_out, found, 20.0, SETTINGS)["mmd_rbf"].value for found in (train, mean_brain(train, 64), noise)
    ]
    assert rows == sorted(rows)
    assert rows[0] < 0.1 * rows[1]


def test_the_published_mmd_prefers_the_mean_brain(blobs):
    held_out, train = real(blobs, "test"), real(blobs, "train")
    published = [
        distance(held_out, found, 20.0, SETTINGS)["mmd_as_published"].value for found in (train, mean_brain(train, 64))
    ]
    assert published[1] < 0.8 * published[0]


def test_a_collapsed_generator_has_no_diversity(blobs):
    collapsed, spread = (
        diversity(mean_brain(real(blobs, "train"), 64), SETTINGS),
        diversity(real(blobs, "test"), SETTINGS),
    )
    assert collapsed["ms_ssim"].value == pytest.approx(1.0, abs=1e-5)
    assert spread["ms_ssim"].value < 0.99
    assert collapsed["voxelwise_sd"].value == pytest.approx(0.0, abs=1e-6)


def test_evaluate_and_collect(tmp_path):
    config, paths = parse(CONTENT), Paths(tmp_path)
    write_prepared(paths.prepared("blobs"), n=40)
    with pytest.raises(InputError, match=r"no config\.json"):
        evaluate(config, "blobs", paths)
    fit(config.settings("run"), paths.prepared("blobs"), paths.run("blobs", "alpha_wgan_gp"), paths.scratch("s"))
    metrics = evaluate(config, "blobs", paths)
    model = "alpha_wgan_gp"
    assert list(metrics) == ["real", "mean_brain", model, f"{model}_early", f"{model}_batch_statistics"]
    for row in metrics.values():
        assert {"mmd_as_published", "mmd_unbiased", "mmd_rbf", "ms_ssim", "ms_ssim_as_published"} <= set(row)
        for estimate in row.values():
            assert estimate["low"] <= estimate["value"] <= estimate["high"]
            assert np.isfinite([estimate["low"], estimate["high"]]).all()
    assert metrics["real"]["ms_ssim"]["n"] == 8  # people held out, not their copies
    assert evaluate(config, "blobs", paths) == metrics
    paths.metrics("blobs").parent.mkdir(parents=True)
    paths.metrics("blobs").write_text(json.dumps(metrics))
    assert json.loads(collect(config, paths).read_text())["blobs"].keys() == metrics.keys()


def test_too_few_people_are_refused(tmp_path):
    volumes = Volumes(write_prepared(tmp_path / "p", n=5))
    with pytest.raises(InputError, match="1 people in test"):
        real_sample(volumes, ["test"], Augment(), 1, 0)
