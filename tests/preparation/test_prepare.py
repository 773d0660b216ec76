"""A cohort's cubes, its splits, and what is written beside them."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import config_for, head, rows_of, scan_of, text, write

from alphagan.errors import InputError
from alphagan.preparation.prepare import AFFINE_COLUMNS, assign_splits, prepare
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.paths import Paths
from alphagan.settings.sections import Prepare, Split


@settings(deadline=None)
@given(n=st.integers(1, 60), val=st.floats(0, 0.5), test=st.floats(0, 0.49), seed=st.integers(0, 10**6))
def test_splits_have_the_asked_sizes(n, val, test, seed):
    people = [f"sub-{i}" for i in range(n)]
    split = Split(val=val, test=test, seed=seed)
    splits = assign_splits(people * 3, split)
    assert splits == assign_splits(reversed(people), split)
    sizes = {name: list(splits.values()).count(name) for name in ("train", "val", "test")}
    assert sum(sizes.values()) == n
    assert sizes["train"] >= 1
    if n >= 3:
        assert (sizes["val"] > 0) == (val > 0)
        assert (sizes["test"] > 0) == (test > 0)
    if n >= 20:
        assert abs(sizes["test"] - test * n) <= 1
        assert abs(sizes["val"] - val * n) <= 1


@pytest.mark.parametrize(("n", "val", "test"), [(3, 0.05, 0.9), (5, 0.1, 0.85), (4, 0.9, 0.05)])
def test_nobody_s_split_is_empty_for_the_sake_of_a_larger_one(n, val, test):
    splits = assign_splits([str(i) for i in range(n)], Split(val=val, test=test))
    assert set(splits.values()) == {"train", "val", "test"}


def test_another_seed_gives_another_split():
    people = [str(i) for i in range(50)]
    assert assign_splits(people, Split(seed=1)) != assign_splits(people, Split(seed=2))


@pytest.mark.parametrize(("n", "missing"), [(1, ["val", "test"]), (2, ["val", "test"]), (3, [])])
def test_a_cohort_of_too_few_people_says_what_is_held_out_of_nobody(tmp_path, capsys, n, missing):
    for person in range(n):
        write(tmp_path / "raw" / f"{person}.nii", head(person))
    prepare("study", config_for(tmp_path / "raw", "{subject}.nii"), Paths(tmp_path))
    said = [line for line in capsys.readouterr().err.splitlines() if "nobody is held out" in line]
    assert [line.split(" in the split ")[1].split(";")[0] for line in said] == missing


def test_prepared_cohort_has_one_row_per_kept_scan(study, prepared):
    volumes = np.load(prepared / "volumes.npy", mmap_mode="r")
    subjects, quality = rows_of(prepared / "subjects.csv"), rows_of(prepared / "qc.csv")
    assert volumes.shape == (12, 16, 16, 16)
    assert volumes.dtype == np.uint8
    assert volumes.flags.c_contiguous
    assert [(row["row"], row["subject"], row["session"]) for row in subjects] == [
        (str(2 * person + visit), f"0{person}", str(visit)) for person in range(6) for visit in range(2)
    ]
    for row, cube in zip(subjects, volumes, strict=True):
        path = Path(row["source"])
        alone = prepare_scan(scan_of(path), Prepare(size=16))
        np.testing.assert_array_equal(cube, alone.cube)
        assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        affine = np.array([float(row[name]) for name in AFFINE_COLUMNS]).reshape(3, 4)
        np.testing.assert_array_equal(affine, alone.affine[:3])
        sizes = [float(row[f"voxel_size_{axis}_mm"]) for axis in "xyz"]
        np.testing.assert_allclose(sizes, np.linalg.norm(affine[:, :3], axis=0), atol=1e-6)
        assert float(row["brain_ml"]) == pytest.approx(alone.brain_ml, abs=1e-3)
        assert (float(row["intensity_low"]), float(row["intensity_high"])) == alone.intensity
    refused = {Path(row["source"]).name: row["reason"] for row in quality if row["kept"] == "no"}
    assert len(quality) == 14
    assert refused["sub-11_ses-0_T1w.mgz"] == f"duplicate: same voxels as {study / 'sub-03_ses-0_T1w.nii.gz'}"
    assert refused["sub-02_ses-3_T1w.nii.gz"].startswith("unreadable: ")
    assert {row["reason"] for row in quality if row["kept"] == "yes"} == {""}


def test_sessions_of_a_subject_stay_in_one_split(prepared):
    subjects = rows_of(prepared / "subjects.csv")
    pairs = {(row["subject"], row["split"]) for row in subjects}
    assert len(pairs) == 6
    assert {split for _, split in pairs} == {"train", "val", "test"}


def test_missing_and_ambiguous_masks(tmp_path):
    source = tmp_path / "raw"
    for person in "ab":
        write(source / f"{person}_T1.nii", head(ord(person)))
    write(source / "a_mask.nii", (head(ord("a")) > 0).astype(np.uint8))
    config = config_for(source, "{subject}_T1.nii", "{subject}_mask*.nii")
    quality = rows_of(prepare("study", config, Paths(tmp_path)) / "qc.csv")
    assert [row["kept"] for row in quality] == ["yes", "no"]
    assert quality[1]["reason"] == f"mask not found: {source / 'b_mask*.nii'}; check mask_pattern"
    write(source / "a_mask2.nii", head())
    with pytest.raises(InputError, match="more than one mask"):
        prepare("study", config, Paths(tmp_path))


def test_when_every_scan_is_refused_the_error_says_why(tmp_path):
    for person in range(3):
        write(tmp_path / "raw" / f"{person}.nii", head() * 0)
    text(tmp_path / "raw" / "3.nii")
    with pytest.raises(InputError, match="all 4 scans were refused, 3 of them because: empty;") as error:
        prepare("study", config_for(tmp_path / "raw"), Paths(tmp_path))
    report = Path(str(error.value).rpartition(" ")[2])
    assert [row["kept"] for row in rows_of(report)] == ["no"] * 4
    assert not Paths(tmp_path).prepared("study").exists()


def test_unknown_cohort_is_named(tmp_path):
    with pytest.raises(InputError, match=r"'other' is not under cohorts \(known: study\)"):
        prepare("other", config_for(tmp_path), Paths(tmp_path))


# ---- real scans


@pytest.mark.data
def test_messy_folder_is_prepared_or_refused(real_scans, tmp_path):
    quality = rows_of(prepare("study", config_for(real_scans / "messy", size=32), Paths(tmp_path)) / "qc.csv")
    reason = {Path(row["source"]).name.split("_")[1]: row["reason"] for row in quality}
    assert reason["T1"].startswith("not skull-stripped: 6378 ml")
    assert reason["brainmask"].startswith("looks like a mask: only 2 values")
    assert [row["kept"] for row in quality] == ["no", "no", "yes", "yes", "yes"]
    for cube in np.load(Paths(tmp_path).prepared("study") / "volumes.npy"):
        half = cube.reshape(2, 16, 32, 32).astype(float)
        mirrored = np.corrcoef(half[0].ravel(), half[1, ::-1].ravel())[0, 1]
        assert mirrored > 0.9  # the first axis runs from one hemisphere to the other
        assert (cube[:, :, 24:] > 0).mean() > (cube[:, :, :8] > 0).mean()  # the vertex is broader than the brain stem
        assert 0.35 < (cube > 0).mean() < 0.65


@pytest.mark.data
def test_real_brains_are_kept(real_scans, tmp_path):
    for path in sorted((real_scans / "ixi").glob("*.nii.gz"))[:6]:
        (tmp_path / path.name).symlink_to(path)
    folder = prepare("study", config_for(tmp_path, "{subject}-*_T1w.nii.gz"), Paths(tmp_path / "root"))
    subjects = rows_of(folder / "subjects.csv")
    assert [row["subject"] for row in subjects] == ["IXI013", "IXI014", "IXI015", "IXI033", "IXI034", "IXI039"]
    assert all(1000 < float(row["brain_ml"]) < 2000 for row in subjects)


def test_names_that_are_no_utf_8_and_links_to_nothing_cost_one_line(tmp_path, capsys):
    raw = tmp_path / "raw"
    for name in ("ann", "bob", "last"):
        write(raw / f"{name}.nii", head())
    os.rename(raw / "last.nii", os.fsencode(raw) + b"/Universit\xe4t.nii")
    (raw / "absent.nii").symlink_to("../annex/objects/absent.nii")
    folder = prepare("study", config_for(raw, duplicates="keep"), Paths(tmp_path))
    quality = rows_of(folder / "qc.csv")
    reasons = {row["subject"]: row["reason"].partition(":")[0] for row in quality}
    assert reasons == {"Universit\\udce4t": "name is not UTF-8", "absent": "link to nothing", "ann": "", "bob": ""}
    assert [row["subject"] for row in rows_of(folder / "subjects.csv")] == ["ann", "bob"]


def test_scans_are_those_of_the_folder_that_asks_not_of_where_workers_were_started(tmp_path, monkeypatch):
    cubes = []
    for person in range(2):  # workers of the first one wait for more
        (root := tmp_path / str(person)).mkdir()
        monkeypatch.chdir(root)
        for number in range(3):
            write(root / f"raw/sub-0{number}.nii", head(10 * person + number))
        folder = prepare("study", config_for(Path("raw"), workers=2), Paths(root), progress=False)
        assert rows_of(folder / "subjects.csv")[0]["source"] == "raw/sub-00.nii"
        cubes.append(np.load(folder / "volumes.npy"))
    assert not (cubes[0] == cubes[1]).all((1, 2, 3)).any()
