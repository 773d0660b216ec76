import csv
import hashlib
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import head, scan_of, text, truncated, write

from alphagan.errors import InputError
from alphagan.preparation import prepare as prepare_module
from alphagan.preparation import resample
from alphagan.preparation.prepare import AFFINE_COLUMNS, assign_splits, prepare
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.settings.sections import Prepare, Split
from alphagan.workbench.bench import preparation


def config_for(folder, pattern=None, mask_pattern=None, **changes):
    cohort = {"kind": "nifti", "source": str(folder), "pattern": pattern, "mask_pattern": mask_pattern}
    settings = {"size": 16, "workers": 1} | changes
    return parse({"cohorts": {"study": cohort}, "experiments": {}, "prepare": settings})


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


# ---- splits


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


def test_another_seed_gives_another_split():
    people = [str(i) for i in range(50)]
    assert assign_splits(people, Split(seed=1)) != assign_splits(people, Split(seed=2))


# ---- a cohort


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Six people with two visits each, a damaged third visit, and 11, who is 03 under another name."""
    folder = tmp_path_factory.mktemp("study")
    for person in range(6):
        for visit in range(2):
            write(
                folder / f"sub-0{person}_ses-{visit}_T1w.nii.gz", head(10 * person + visit), axes=["PSR", "LIA"][visit]
            )
    write(folder / "sub-11_ses-0_T1w.mgz", head(30))
    truncated(folder / "sub-02_ses-3_T1w.nii.gz")
    return folder


@pytest.fixture(scope="module")
def prepared(study, tmp_path_factory):
    return prepare("study", config_for(study), Paths(tmp_path_factory.mktemp("root")))


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


def test_result_does_not_depend_on_the_number_of_workers(study, prepared, tmp_path):
    folder = prepare("study", config_for(study, workers=2), Paths(tmp_path))
    assert digests(folder) == digests(prepared)
    assert set(digests(folder)) == {"volumes.npy", "subjects.csv", "qc.csv"}
    assert [path.name for path in folder.parent.iterdir()] == ["study"]  # nothing temporary is left


def test_preparing_again_replaces_the_folder(study, tmp_path):
    folder = prepare("study", config_for(study, size=20), Paths(tmp_path))
    assert prepare("study", config_for(study, fit="pad"), Paths(tmp_path)) == folder
    assert np.load(folder / "volumes.npy").shape == (12, 16, 16, 16)


KILLED = """
import os, signal, sys
from pathlib import Path
from alphagan.preparation import resample
from alphagan.workbench.bench import preparation
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.preparation.prepare import prepare

original, calls = resample.prepare_scan, []
def until_killed(scan, settings):
    calls.append(scan)
    if len(calls) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(scan, settings)
resample.prepare_scan = until_killed
cohort = {"kind": "nifti", "source": sys.argv[1]}
config = parse({"cohorts": {"study": cohort}, "experiments": {}, "prepare": {"size": 16, "workers": 1}})
prepare("study", config, Paths(Path(sys.argv[2])))
"""


def test_a_killed_run_goes_on_where_it_stopped(study, prepared, tmp_path, monkeypatch):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(study), str(tmp_path)], env={**os.environ})
    assert killed.returncode == -signal.SIGKILL
    assert not Paths(tmp_path).prepared("study").exists()
    original, calls = resample.prepare_scan, []

    def counted(scan, settings):
        calls.append(scan.image.name)
        return original(scan, settings)

    monkeypatch.setattr(resample, "prepare_scan", counted)
    folder = prepare("study", config_for(study), Paths(tmp_path))
    assert len(calls) == 14 - 5
    assert digests(folder) == digests(prepared)


def test_a_changed_scan_or_setting_is_prepared_anew(tmp_path, monkeypatch):
    for seed in range(3):
        write(tmp_path / "raw" / f"sub-{seed}.nii", head(seed))
    monkeypatch.setattr(prepare_module, "_write_kept", lambda *_: 1 / 0)  # every run is interrupted at the end
    original, calls = resample.prepare_scan, []
    monkeypatch.setattr(resample, "prepare_scan", lambda *args: calls.append(1) or original(*args))

    def fresh(**changes):
        calls.clear()
        with pytest.raises(ZeroDivisionError):
            prepare("study", config_for(tmp_path / "raw", **changes), Paths(tmp_path))
        return len(calls)

    assert (fresh(), fresh(), fresh(workers=1, split={"seed": 5})) == (3, 0, 0)
    write(tmp_path / "raw" / "sub-1.nii", head(7))
    assert fresh() == 1
    assert fresh(upper_percentile=99) == 3


def test_missing_and_ambiguous_masks(tmp_path):
    source = tmp_path / "raw"
    for person in "ab":
        write(source / f"{person}_T1.nii", head(ord(person)))
    write(source / "a_mask.nii", (head(ord("a")) > 0).astype(np.uint8))
    config = config_for(source, "{subject}_T1.nii", "{subject}_mask*.nii")
    quality = rows_of(prepare("study", config, Paths(tmp_path)) / "qc.csv")
    assert [row["kept"] for row in quality] == ["yes", "no"]
    assert quality[1]["reason"] == f"mask not found: {source / 'b_mask*.nii'}"
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


def test_memory_does_not_grow_with_the_number_of_scans(tmp_path):
    peaks = []
    for n in (4, 24):
        for person in range(n):
            write(tmp_path / "raw" / f"{person}.nii", head(person))
        tracemalloc.start()
        prepare("study", config_for(tmp_path / "raw", size=48), Paths(tmp_path))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


PEAK = """
import sys
from pathlib import Path
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.preparation.prepare import prepare

cohort = {"kind": "nifti", "source": sys.argv[1]}
config = parse({"cohorts": {"study": cohort}, "experiments": {}, "prepare": {"size": 64, "workers": 2}})
prepare("study", config, Paths(Path(sys.argv[2])))
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc, which Linux has")
def test_the_process_stays_as_small_for_64_scans_as_for_8(tmp_path):
    kilobytes = {}
    for n in (8, 64):
        source = tmp_path / f"raw-{n}"
        for person in range(n):
            write(source / f"{person}.nii", head(person))
        call = [sys.executable, "-c", PEAK, str(source), str(tmp_path / f"root-{n}")]
        kilobytes[n] = int(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
    assert kilobytes[64] - kilobytes[8] < 5_000  # 56 more cubes of 64^3 are 14 700


def test_volumes_are_written_as_numpy_would(study, prepared, tmp_path):
    np.save(tmp_path / "saved.npy", np.ascontiguousarray(np.load(prepared / "volumes.npy")))
    assert (prepared / "volumes.npy").read_bytes() == (tmp_path / "saved.npy").read_bytes()


def test_a_worker_without_the_folder_says_so(study, tmp_path):
    with pytest.raises(InputError, match=r"parts: not found on .*; start every Dask worker in the folder"):
        prepare_module._prepare_part(0, scan_of(study / "sub-00_ses-0_T1w.nii.gz"), Prepare(), tmp_path / "parts")


def test_the_benchmark_prepares_the_same_brains_both_ways(tmp_path):
    (path,) = preparation.write_scans(tmp_path, 1)
    assert nibabel.aff2axcodes(nibabel.load(path).affine) == ("L", "I", "A")
    ours, theirs = prepare_scan(scan_of(path), Prepare(size=32)).cube, preparation.textbook([path], 32)[0]
    theirs = theirs.transpose(0, 2, 1)[::-1, :, ::-1]  # it keeps the order in which the scan is stored
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.97
    (row,) = preparation.measure(size=32, n=2, repeats=1, workers=1)
    assert row["ratio"] == pytest.approx(row["textbook_s"] / row["alphagan_s"])


def test_nothing_is_printed_where_there_is_no_terminal(study, tmp_path, capfd):
    prepare("study", config_for(study), Paths(tmp_path))
    assert capfd.readouterr() == ("", "")


# ---- real scans


@pytest.mark.data
def test_messy_folder_is_prepared_or_refused(real_scans, tmp_path):
    quality = rows_of(prepare("study", config_for(real_scans / "messy", size=32), Paths(tmp_path)) / "qc.csv")
    reason = {row["subject"].split("_")[1]: row["reason"] for row in quality}
    assert reason["T1"].startswith("not skull-stripped: 6378 ml")
    assert reason["brainmask"] == "looks like a mask: only 2 values"
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
