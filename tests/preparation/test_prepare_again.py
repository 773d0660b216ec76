"""Preparing again, after an interruption, in parallel, and in little memory."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scans import config_for, digests, head, scan_of, write

from alphagan.errors import InputError
from alphagan.preparation import prepare as prepare_module
from alphagan.preparation import resample
from alphagan.preparation.prepare import prepare
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.paths import Paths
from alphagan.settings.preparation import NAME, check_preparation, describe
from alphagan.settings.sections import Prepare
from alphagan.workbench.bench import preparation


def test_result_does_not_depend_on_the_number_of_workers(study, prepared, tmp_path):
    folder = prepare("study", config_for(study, workers=2), Paths(tmp_path))
    assert digests(folder) == digests(prepared)
    assert set(digests(folder)) == {"volumes.npy", "subjects.csv", "qc.csv", "preparation.json"}
    assert [path.name for path in folder.parent.iterdir()] == ["study"]  # nothing temporary is left


def test_preparation_keeps_what_it_was_told(prepared, study):
    config = config_for(study)
    assert json.loads((prepared / NAME).read_text()) == describe(config, "study")
    assert check_preparation(config, "study", prepared) == []


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


@pytest.mark.parametrize("name", ["reading.py", "quality.py", "resample.py"])
def test_changed_code_prepares_anew(tmp_path, monkeypatch, name):
    before = prepare_module._fingerprint(Prepare())
    folder = shutil.copytree(Path(prepare_module.__file__).parent, tmp_path / "code")
    monkeypatch.setattr(prepare_module, "__file__", str(folder / "prepare.py"))
    assert prepare_module._fingerprint(Prepare()) == before
    with open(folder / name, "a") as file:
        file.write("# changed")
    assert prepare_module._fingerprint(Prepare()) != before


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


def test_no_bar_is_printed_where_there_is_no_terminal(study, tmp_path, capfd):
    prepare("study", config_for(study), Paths(tmp_path))
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("study: 6 of 14 scans, such as ") and err.count("\n") == 1  # of their grid
