"""Folders of NIfTI from any generator are prepared alike, measured, and audited where the training scans are known."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scans import head, write
from scipy.ndimage import gaussian_filter

from alphagan.__main__ import main
from alphagan.errors import InputError, TooFewError
from alphagan.evaluation.samples import Sample
from alphagan.report.folders import evaluate_folders
from alphagan.report.measure import _some, measure
from alphagan.report.options import Folders, from_options
from alphagan.report.sides import read_sides

QUICK = {
    "prepare": {"workers": 1},
    "features": {"iterations": 8, "threads": 1},
    "evaluate": {"n_pairs": 40, "mmd_repeats": 5, "n_bootstrap": 100, "n_permutations": 19},
    "audit": {"n_copies": 4},
}


def person(number, noise=0.0):
    """A head with the features of one person, the same at every call, and noise of another scan."""
    rng = np.random.default_rng([7, number])
    scan = head(number).astype(float)
    field = gaussian_filter(rng.normal(size=scan.shape), 3)
    other = np.random.default_rng([8, number]).normal(0, noise, scan.shape)
    return np.where(scan != 0, scan * np.exp(0.35 * field / field.std()) + other, 0).clip(0).astype(np.float32)


def fill(folder, numbers, name="sub-{:03d}_T1w.nii", noise=0.0, file_numbers=None):
    """One scan for each of the numbered people, under the name of another number where `file_numbers` says so."""
    for number, shown in zip(numbers, file_numbers or numbers, strict=True):
        write(folder / name.format(shown), person(number, noise))
    return folder


def read(folders, work):
    return read_sides(folders.config(QUICK), work)


def measured(folders, work):
    return measure(folders, folders.config(QUICK), work)


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("a") / "train", range(100, 116))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("b") / "real", range(200, 214))


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Twelve volumes of new people, ten copies of training scans with noise, and a file that is no scan."""
    folder = fill(tmp_path_factory.mktemp("c") / "generated", range(300, 312), "g{}.nii")
    fill(folder, range(100, 110), "g{}.nii", noise=20.0)
    (folder / "g999.nii").write_text("not a scan")
    return folder


@pytest.fixture(scope="module")
def with_train(real, generated, train, tmp_path_factory):
    return measured(Folders(real, generated, train, size=16), tmp_path_factory.mktemp("with"))


@pytest.fixture(scope="module")
def without_train(real, generated, tmp_path_factory):
    return measured(Folders(real, generated, size=16), tmp_path_factory.mktemp("without"))


# ---- what is measured


def test_every_row_and_metric_of_a_cohort_s_evaluation_is_there(with_train):
    rows = with_train.evaluation.rows
    assert list(rows) == ["real", "mean_brain", "gaussian_noise", "memoriser", "generated"]
    assert {"mmd_rbf", "ms_ssim", "frechet", "coverage", "checkerboard", "copied"} <= set(rows["generated"])
    assert rows["generated"]["frechet"].basis.startswith("self-supervised") and "train" in with_train.networks[0]
    for row in rows.values():
        assert all(e.low <= e.value <= e.high for e in row.values())
    assert rows["generated"]["ms_ssim"].n == 22  # every generated volume is a subject of its own
    assert rows["real"]["ms_ssim"].n == 14


def test_injected_copies_of_training_scans_are_called_out(with_train):
    voxels = with_train.audit.comparisons["voxels"]
    paths = [row["source"] for row in with_train.sides["generated"].volumes.subjects]
    train = [row["subject"] for row in with_train.sides["train"].volumes.subjects]
    found = {(Path(paths[pair.generated]).name, train[pair.scan]) for pair in voxels.pairs}
    assert {(f"g{number}.nii", str(number)) for number in range(100, 110)} <= found
    assert voxels.criteria["relative"].chance < 0.01
    assert with_train.evaluation.rows["generated"]["copied"].value > with_train.evaluation.rows["real"]["copied"].value


def test_a_file_that_is_no_scan_is_left_out_with_its_reason(with_train):
    side = with_train.sides["generated"]
    assert side.n_found == 23 and len(side.volumes.array) == 22
    assert [file for file, _ in side.refused] == ["g999.nii"] and side.refused[0][1].startswith("unreadable")


def test_without_training_scans_real_people_are_halved_and_nothing_is_audited(without_train):
    compared, stand_in = set(without_train.real.people), set(without_train.train.people)
    assert len(compared) == len(stand_in) == 7 and not compared & stand_in
    assert without_train.audit is None and "copied" not in without_train.evaluation.rows["generated"]
    assert "--train" in without_train.evaluation.left_out["memorisation audit, copied, authentic"]
    assert "on 7 scans of real" in without_train.networks[0]


def test_scans_of_one_person_stay_in_one_half(tmp_path, generated):
    for person_ in range(6):
        for visit in range(2):
            write(tmp_path / f"real/p{person_}_v{visit}.nii", person(10 * person_ + visit))
    sides = read(Folders(tmp_path / "real", generated, size=16, pattern="{subject}_v*.nii"), tmp_path / "work")
    volumes = sides["real"].volumes
    halves = [set(volumes.people(volumes.rows(split))) for split in ("train", "test")]
    assert [len(half) for half in halves] == [3, 3] and not halves[0] & halves[1]
    assert len(volumes.rows("test")) == 6


@pytest.mark.slow
def test_the_floor_is_no_larger_than_what_was_generated_and_the_same_every_time(real, train, tmp_path):
    few = fill(tmp_path / "few", range(300, 305))
    found = [measured(Folders(real, few, train, size=16, seed=3), tmp_path / f"work{i}") for i in range(2)]
    assert len(found[0].floor.volumes) == 5 and found[0].floor.people == found[1].floor.people
    assert found[0].evaluation == found[1].evaluation


# ---- a generator that has collapsed


def test_a_floor_is_never_of_one_person():
    """Even where few are drawn from people with many scans."""
    people = ["a"] * 30 + ["b"]
    volumes = torch.zeros(31, 2, 2, 2)
    for seed in range(5):
        assert set(_some(Sample(volumes, people), 2, seed).people) == {"a", "b"}


def test_identical_volumes_are_kept_and_their_lack_of_diversity_is_seen(real, train, tmp_path):
    collapsed = fill(tmp_path / "collapsed", [300] * 12, "g{}.nii", file_numbers=range(12))
    found = measured(Folders(real, collapsed, train, size=16), tmp_path / "work")
    side, row = found.sides["generated"], found.evaluation.rows["generated"]
    assert len(side.volumes.array) == 12 and side.n_identical == 11 and not side.refused
    assert row["ms_ssim"].value == pytest.approx(1, abs=1e-5) and row["voxelwise_sd"].value == pytest.approx(
        0, abs=1e-6
    )
    assert found.evaluation.rows["real"]["ms_ssim"].value < 0.99


def test_identical_real_scans_are_double_scans(generated, train, tmp_path):
    real = fill(tmp_path / "real", [*range(200, 206), 200], file_numbers=range(7))
    sides = read(Folders(real, generated, train, size=16), tmp_path / "work")
    assert len(sides["real"].volumes.array) == 6 and sides["real"].refused[0][1].startswith("duplicate")


def test_small_and_clipped_volumes_are_evaluated_all_the_same(real, tmp_path):
    for number in range(3):
        write(tmp_path / f"bad/small{number}.nii", person(number), affine=np.diag([0.5, 0.5, 0.5, 1]))
        scan = person(number)
        write(tmp_path / f"bad/clipped{number}.nii", scan.clip(max=np.median(scan[scan > 0])))
    assert len(read(Folders(real, tmp_path / "bad", size=16), tmp_path / "work")["generated"].volumes.array) == 6


# ---- too few


def test_what_there_are_too_few_scans_for_is_named_with_the_reason(tmp_path):
    real, few = fill(tmp_path / "real", range(6)), fill(tmp_path / "few", range(300, 303))
    train = fill(tmp_path / "train", range(100, 108))
    found = measured(Folders(real, few, train, size=16), tmp_path / "work")
    left_out = found.evaluation.left_out
    assert "6 people" in left_out["memorisation audit, copied, authentic"] and found.audit is None
    assert "found 3" in left_out["mmd_as_published"] and "mmd_as_published" not in found.evaluation.rows["generated"]
    assert any(names.startswith("precision, recall") for names in left_out)
    assert "mmd_rbf" in found.evaluation.rows["generated"]  # the others are measured


@pytest.mark.parametrize(
    ("n_real", "n_generated", "message"),
    [(3, 4, "3 people; evaluation needs 4"), (4, 1, "1 generated volume")],
)
def test_too_few_to_compare_at_all(tmp_path, n_real, n_generated, message):
    real, generated = fill(tmp_path / "real", range(n_real)), fill(tmp_path / "gen", range(300, 300 + n_generated))
    with pytest.raises(TooFewError, match=message):
        read(Folders(real, generated, size=16), tmp_path / "work")


# ---- bad input: one line, exit status 2, nothing half-written


def run(tmp_path, capsys, *arguments):
    """Error of a command that must fail, and leave nothing behind."""
    before = sorted(tmp_path.rglob("*"))
    assert main(["evaluate", *map(str, arguments)]) == 2
    assert sorted(tmp_path.rglob("*")) == before
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("alphagan: error: ")
    return error


def test_someone_in_both_folders_is_refused(real, generated, tmp_path, capsys):
    train = fill(tmp_path / "train", [50, 200])
    options = ["--real", real, "--generated", generated, "--train", train, "--size", "16", "-o", tmp_path / "out"]
    assert "subject 200 is in" in run(tmp_path, capsys, *options)


def test_the_same_scan_under_two_names_is_refused(real, generated, tmp_path):
    train = fill(tmp_path / "train", [200, 51], file_numbers=[50, 51])
    with pytest.raises(InputError, match="sub-200_T1w.nii: same voxels as .*sub-050_T1w.nii"):
        read(Folders(real, generated, train, size=16), tmp_path / "work")


def test_folders_that_are_missing_empty_or_hold_no_scan(real, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text/a.nii").write_text("not a scan")
    out = ["--real", real, "--size", "16", "-o", tmp_path / "out", "--generated"]
    assert "missing: no such folder" in run(tmp_path, capsys, *out, tmp_path / "missing")
    assert "no NIfTI file in it" in run(tmp_path, capsys, *out, tmp_path / "empty")
    assert "a.nii: unreadable" in run(tmp_path, capsys, *out, tmp_path / "text")
    unlike = run(tmp_path, capsys, *out, tmp_path / "text", "--generated-pattern", "{subject}.mgz")
    assert "check --generated-pattern" in unlike


def test_a_background_that_is_not_zero_is_named(real, tmp_path):
    for number in range(2):
        write(tmp_path / f"gen/{number}.nii", person(number) / 2000 - 1)
    with pytest.raises(InputError, match="none of its 2 scans .* generated volumes need a background of 0"):
        read(Folders(real, tmp_path / "gen", size=16), tmp_path / "work")


def test_an_output_folder_that_holds_something_is_not_touched(real, generated, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    options = ["--real", real, "--generated", generated, "-o", tmp_path / "out"]
    assert "holds something already" in run(tmp_path, capsys, *options)


def test_impossible_options_are_refused(real, generated, tmp_path, capsys):
    both = ["--real", real, "--generated", generated, "-o", tmp_path / "out"]
    assert "size: must be one of" in run(tmp_path, capsys, *both, "--size", "33")
    assert "seed" in run(tmp_path, capsys, *both, "--seed", "-1")
    assert "med3d.pth" in run(tmp_path, capsys, *both, "--med3d", tmp_path / "med3d.pth")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a cohort, or folders"),
        (["normal", "--real", "a"], "--real: is for folders"),
        (["normal", "--generated-pattern", "a"], "--generated-pattern: is for folders"),
        (["--real", "a", "--output", "b"], "--generated: is missing"),
        (["--real", "a", "--generated", "b"], "--output: is missing"),
        (["--real", "a", "--generated", "b", "-o", "c", "--params", "d"], "--params: is for cohorts"),
    ],
)
def test_a_cohort_or_folders_but_not_both_or_neither(tmp_path, capsys, arguments, message):
    assert message in run(tmp_path, capsys, *arguments)


def test_a_cohort_is_evaluated_as_ever():
    assert from_options("normal", {"cohort": "normal", "params": Path("params.yaml"), "real": None}) is None


# ---- what is written


@pytest.mark.slow
def test_the_command_writes_the_report_the_metrics_and_the_figures_and_nothing_else(
    real, generated, train, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    folders = ["--real", real, "--generated", generated, "--train", train, "--size", "16"]
    assert main(["evaluate", *map(str, folders), "-o", "out"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "out/report.html")]
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert {path.name for path in Path("out").iterdir()} == {"report.html", "metrics.json", "audit.json", "figures"}
    rows = json.loads(Path("out/metrics.json").read_text())
    assert {"value", "low", "high", "n"} <= set(rows["generated"]["mmd_rbf"])
    assert json.loads(Path("out/audit.json").read_text())["n_generated"] == 22
    figures = {path.name for path in Path("out/figures").iterdir()}
    assert {
        "brains.png",
        "scoreboard.png",
        "spectra.png",
        "anatomy.png",
        "power.png",
        "pairs-0-voxels-0.png",
    } <= figures


def test_an_interrupted_evaluation_leaves_nothing_behind(real, generated, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("alphagan.report.measure.train_features", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate_folders(Folders(real, generated, size=16), tmp_path / "out", QUICK)
    assert not list(tmp_path.iterdir())
