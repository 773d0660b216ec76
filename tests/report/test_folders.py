"""Folders of NIfTI from any generator are prepared alike, measured, and audited where the training scans are known."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from folders import QUICK, fill, measured, person, read
from scans import write

from alphagan.__main__ import main
from alphagan.errors import TooFewError
from alphagan.evaluation.samples import Sample
from alphagan.report.doubts import doubts
from alphagan.report.folders import evaluate_folders
from alphagan.report.options import Folders


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
    assert "--train" in without_train.evaluation.left_out["memorisation audit, copied, authentic, brain_like"]
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
        assert set(Sample(volumes, people).some(2, seed).people) == {"a", "b"}


def test_identical_volumes_are_kept_and_their_lack_of_diversity_is_seen(real, train, tmp_path):
    collapsed = fill(tmp_path / "collapsed", [300] * 12, "g{}.nii", file_numbers=range(12))
    found = measured(Folders(real, collapsed, train, size=16), tmp_path / "work")
    side, row = found.sides["generated"], found.evaluation.rows["generated"]
    assert len(side.volumes.array) == 12 and len(side.identical) == 11 and not side.refused
    assert row["ms_ssim"].value == pytest.approx(1, abs=1e-5) and row["voxelwise_sd"].value == pytest.approx(
        0, abs=1e-6
    )
    assert found.evaluation.rows["real"]["ms_ssim"].value < 0.99


def test_one_person_under_two_names_and_one_brain_in_two_files_are_told(tmp_path):
    generated, real = fill(tmp_path / "gen", range(300, 304)), fill(tmp_path / "real", range(200, 206))
    same, again = "2 pairs of people look like one person each", "2 of 6 generated volumes look like an earlier one"
    told = " ".join(doubts(read(Folders(real, generated, size=32), tmp_path / "one")))
    assert "look like" not in told
    fill(real, [200, 201], "other-{:03d}.nii", noise=20, file_numbers=[900, 901])
    fill(generated, [300, 301], "again-{:03d}.nii", noise=20)
    told = doubts(read(Folders(real, generated, size=32), tmp_path / "two"))
    assert any(line.startswith(f"real: {same}, such as sub-200_T1w.nii and other-900.nii") for line in told)
    assert any(line.startswith(again) for line in told)
    others = fill(tmp_path / "others", range(210, 216))
    told = doubts(read(Folders(others, generated, real, size=32), tmp_path / "three"))
    assert any(line.startswith(f"train: {same}") for line in told)
    fill(others, [203], "another-{:03d}.nii", noise=20, file_numbers=[950])
    told = doubts(read(Folders(others, generated, real, size=32), tmp_path / "four"))
    across = "real: beside train, 1 pair of people looks like one person, such as another-950.nii and sub-203"
    assert any(line.startswith(across) for line in told)


def test_names_that_may_be_visits_are_told_in_the_report_too(tmp_path):
    real = fill(tmp_path / "real", range(200, 204), "p{}_T1.nii")
    fill(real, range(204, 206), "p{}_T1_fu.nii", file_numbers=[200, 201])
    sides = read(Folders(real, fill(tmp_path / "gen", range(300, 304)), size=16), tmp_path / "work")
    assert any(line.startswith("real: 4 of 6 people may be another at a second visit") for line in doubts(sides))


def test_generated_volumes_that_are_scans_are_told(real, train, tmp_path):
    copies = tmp_path / "copies"
    copies.mkdir()
    for number, path in enumerate([*sorted(real.rglob("*.nii*"))[:2], *sorted(train.rglob("*.nii*"))[:3]]):
        shutil.copy(path, copies / f"g{number}{''.join(path.suffixes)}")
    lines = [line for line in doubts(read(Folders(real, copies, train, size=16), tmp_path / "work")) if "voxel" in line]
    assert lines == [
        "2 of 5 generated volumes are scans of real, to the voxel",
        "3 of 5 generated volumes are scans of train, to the voxel",
    ]


def test_copies_with_noise_and_mirrored_ones_are_told_with_or_without_training_scans(real, train, tmp_path):
    copies = fill(tmp_path / "copies", range(200, 203), "g{}.nii", noise=60.0)
    write(copies / "g203.nii", person(203)[::-1])
    fill(copies, range(300, 304), "g{}.nii")  # new people
    for number, folders in enumerate((Folders(real, copies, size=16), Folders(real, copies, train, size=16))):
        lines = doubts(read(folders, tmp_path / f"work{number}"))
        assert [line for line in lines if "look like" in line] == [
            "4 of 8 generated volumes look like a scan of real as no two people do: copies with noise, another "
            "contrast, or mirrored"
        ]


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
    assert "6 people" in left_out["memorisation audit, copied, authentic, brain_like"] and found.audit is None
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
