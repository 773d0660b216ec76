"""The yardstick compares with held-out people, and puts known generators in the right order."""

import json
import warnings

import numpy as np
import pytest
import torch
from factories import write_prepared
from scipy.ndimage import gaussian_filter

from alphagan.audit.search import Search
from alphagan.audit.spaces import VoxelSpace
from alphagan.errors import InputError
from alphagan.evaluation.cohort import Evaluation
from alphagan.evaluation.features.network import train_features
from alphagan.evaluation.memory import auditor
from alphagan.evaluation.references import faulty
from alphagan.evaluation.samples import Sample, real_sample
from alphagan.evaluation.yardstick import Yardstick
from alphagan.metrics import catalogue
from alphagan.metrics.catalogue import compare_with_real
from alphagan.metrics.mmd import MMD
from alphagan.metrics.permutation import p_value
from alphagan.preparation.prepare import prepare
from alphagan.settings.cohorts import Augment
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.settings.sections import Evaluate, Features
from alphagan.volumes.prepared import Volumes

SETTINGS = Evaluate(n_generated=64, n_pairs=60, mmd_repeats=20, n_bootstrap=100)


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


@pytest.fixture(scope="module")
def rows(blobs, tmp_path_factory):
    """A table of generators that are better and worse in known ways, on simple shapes."""
    held_out, train = real(blobs, "test"), real(blobs, "train")
    scans, people = blobs.tensor(blobs.rows("train"))[:, 0], blobs.people(blobs.rows("train"))
    network = train_features(blobs.folder, tmp_path_factory.mktemp("f"), Features(iterations=30, threads=1))
    first = [blobs.people(blobs.rows("test")).index(p) for p in dict.fromkeys(held_out.people)]
    unseen = blobs.tensor(blobs.rows("test"))[first, 0]
    search = Search(VoxelSpace(scans), scans, people, unseen, level=0.05)
    yardstick = Yardstick(held_out, train.first(64), SETTINGS, [network], "T1w", search)
    noise = torch.randn(64, 16, 16, 16, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    samples = dict(faulty(scans, Augment(), 64, 2, seed=0)) | {"noise": noise}
    measured = {"real": yardstick.measure_real()}
    measured |= {name: yardstick.measure(Sample(found)) for name, found in samples.items()}
    assert not yardstick.left_out
    return Evaluation(measured, {}).as_dict()


def test_every_row_has_every_metric_with_its_interval(rows):
    for row in rows.values():
        assert row.keys() == rows["real"].keys() <= catalogue.METRICS.keys()
        for name, entry in row.items():
            assert entry["low"] <= entry["value"] <= entry["high"], name
            assert np.isfinite([entry["low"], entry["high"]]).all()
            assert entry["n"] >= 20 or name in ("copied", "authentic")  # of equal volumes one counts
            json.dumps(entry)
    assert rows["real"]["frechet"]["basis"].startswith("self-supervised 3D CNN, 128-d, trained on 60 scans")
    assert rows["real"]["ms_ssim"]["basis"] == "1 scales"
    assert rows["real"]["ms_ssim"]["n"] == 20  # people held out, not their copies


def test_white_noise_is_the_worst_by_every_distance(rows):
    others = [rows[name] for name in ("real", "mean_brain", "gaussian_noise", "memoriser")]
    for name in ("mmd_rbf", "mmd_unbiased", "mean_brain_difference", "intensity_distance"):
        assert rows["noise"][name]["value"] > max(row[name]["value"] for row in others), name


def test_known_faults_are_seen_by_the_metrics_that_should_and_missed_by_those_that_cannot(rows):
    def verdicts(name):
        return {model: compare_with_real(name, rows[model][name], rows["real"][name]) for model in catalogue.FAULTY}

    assert rows["mean_brain"]["mmd_as_published"]["value"] < 0.8 * rows["real"]["mmd_as_published"]["value"]
    assert verdicts("mmd_rbf")["mean_brain"] == verdicts("ms_ssim")["mean_brain"] == "worse"
    assert verdicts("voxelwise_sd")["mean_brain"] == verdicts("recall")["mean_brain"] == "worse"
    assert verdicts("copied") == {"mean_brain": "like", "gaussian_noise": "like", "memoriser": "worse"}
    assert verdicts("authentic")["memoriser"] == "worse"
    assert verdicts("mmd_rbf_p")["memoriser"] == verdicts("frechet")["memoriser"] == "like"
    assert rows["mean_brain"]["ms_ssim"]["value"] == pytest.approx(1.0, abs=1e-5)
    assert rows["mean_brain"]["voxelwise_sd"]["value"] == pytest.approx(0.0, abs=1e-6)


def test_shortcomings_are_told_in_words(rows):
    told = catalogue.shortcomings(rows)
    assert told["copied"] == "does not tell the mean brain and the noise model from real scans"
    assert "the memoriser" in told["mmd_rbf"] and "the mean brain" not in told["mmd_rbf"]


def test_samples_that_are_too_small_are_left_out_with_the_reason(blobs):
    held_out, train = real(blobs, "test", copies=1), real(blobs, "train", copies=1)
    yardstick = Yardstick(held_out, train, SETTINGS)
    row = yardstick.measure(train.first(5))
    assert "mmd_as_published" not in row and "mmd_rbf" in row
    assert yardstick.left_out["mmd_as_published"] == "batches of 8 (mmd_batch) need as many volumes, found 5; give more"


def test_the_p_value_does_not_hang_on_which_copy_is_drawn(blobs):
    """The same people and generated volumes, copies shuffled: every other seed draws other ones."""
    held_out, train = real(blobs, "test", copies=4), real(blobs, "train", copies=1)
    mmd = MMD(held_out.volumes, train.volumes, held_out.people)
    found = [p_value(mmd, n_permutations=200, generator=np.random.default_rng(seed)) for seed in range(4)]
    values = [p.value for p in found]
    assert max(values) - min(values) < 0.35
    assert all(p.low <= p.value <= p.high <= 1 for p in found)


def test_a_sample_without_brains_is_refused(blobs):
    held_out, train = real(blobs, "test", copies=1), real(blobs, "train", copies=1)
    yardstick = Yardstick(held_out, train, SETTINGS)
    for wrong, message in (
        (torch.full((8, 16, 16, 16), -1.0), "all background"),
        (torch.full((8, 16, 16, 16), torch.nan), "finite"),
    ):
        with pytest.raises(InputError, match=message):
            yardstick.measure(Sample(wrong))


def test_two_people_are_too_few_for_an_interval_of_diversity(blobs):
    held_out, train = real(blobs, "test"), real(blobs, "train")
    two = [row for row, person in enumerate(held_out.people) if person in held_out.people[:2]]
    yardstick = Yardstick(Sample(held_out.volumes[two], [held_out.people[row] for row in two]), train, SETTINGS)
    with warnings.catch_warnings(action="error"):  # tables say that there is no verdict
        row = yardstick.measure_real()
    assert "ms_ssim" not in row and "mmd_rbf" in row
    assert "an interval needs three" in yardstick.left_out["ms_ssim, ms_ssim_as_published"]


# Real brains that are spoilt more and more
VOXELS = ("mmd_rbf", "mmd_unbiased", "mean_brain_difference", "intensity_distance", "spectrum_distance")
# Precision is missing where it fails: it prefers blurred and few brains. Features learned to see past noise.
RISING = {
    "blurred": (*VOXELS, "frechet", "ms_ssim", "ms_ssim_as_published"),
    "noisy": (*VOXELS, "high_frequencies", "voxelwise_sd"),
    "few": ("mmd_rbf", "mmd_unbiased", "mean_brain_difference", "frechet", "ms_ssim", "ms_ssim_as_published"),
    "copied": ("copied",),
}
FALLING = {
    "blurred": ("high_frequencies", "recall", "coverage", "voxelwise_sd", "brain_like"),
    "noisy": ("ms_ssim", "ms_ssim_as_published", "brain_like"),
    "few": ("recall", "coverage", "voxelwise_sd"),
    "copied": ("authentic",),
}


def spoilt(x, train):
    """Brains x, (n, S, S, S), spoilt in four ways, each little and much."""
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))

    def blur(sd):
        return torch.from_numpy(gaussian_filter(x.numpy(), (0, sd, sd, sd)))

    return {
        "blurred": [blur(sd) for sd in (0.7, 1.5)],
        "noisy": [(x + sd * noise).clamp(-1, 1) for sd in (0.1, 0.4)],
        "few": [x[torch.arange(len(x)) % k] for k in (8, 2)],
        "copied": [torch.cat([train[: k * len(x) // 2], x[k * len(x) // 2 :]]) for k in (1, 2)],
    }


@pytest.mark.data
@pytest.mark.slow
def test_every_metric_follows_what_is_done_to_real_brains(tmp_path, real_scans):
    content = {
        "cohorts": {"ixi": {"kind": "nifti", "source": str(real_scans / "ixi"), "pattern": "{subject}_T1w.nii.gz"}},
        "experiments": {},
        "prepare": {"size": 32, "split": {"val": 0.3, "test": 0.3, "seed": 1}},
    }
    config, paths = parse(content), Paths(tmp_path)
    volumes = Volumes(prepare("ixi", config, paths, progress=False))
    train, new, unseen = (volumes.tensor(volumes.rows(split))[:, 0] for split in ("train", "val", "test"))
    network = train_features(volumes.folder, tmp_path / "f", Features(iterations=60, batch_size=16, threads=2))
    search = auditor(config, volumes).searches[0]
    yardstick = Yardstick(Sample(unseen), Sample(train), SETTINGS, [network], "T1w", search)

    def measure(x):
        return {name: found.value for name, found in yardstick.measure(Sample(x)).items()}

    intact = measure(new)
    for way, steps in spoilt(new, train).items():
        measured = [intact, *map(measure, steps)]
        for names, sign in ((RISING[way], 1), (FALLING[way], -1)):
            for name in names:
                values = np.array([sign * row[name] for row in measured])
                # One person more or less hangs on how a processor rounds while the feature network learns.
                slack = 1.01 / len(unseen) if name in ("recall", "coverage") else 0
                assert np.diff(values).min() >= -slack and values[0] < values[-1], (way, name, values)
