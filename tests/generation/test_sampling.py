"""Folders of samples: filled up after a kill, to the bytes of one go, and never mixed with others."""

import json
import os
import signal
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from factories import tiny_settings
from trainings import trained

import alphagan
from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.generation.nifti import to_nifti, write_samples
from alphagan.generation.run import BATCH
from alphagan.volumes.prepared import to_uint8

N = 2 * BATCH + 3


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = trained(tmp_path_factory.mktemp("root"), tiny_settings(iterations=2))
    write_samples(alphagan.load(root / "run"), N, root / "whole", seed=1)
    return root


@pytest.fixture
def run(root):
    return alphagan.load(root / "run")


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_sample_has_the_bytes_that_nibabel_saves(root, run, tmp_path):
    for first in (0, BATCH):
        volume = to_uint8(run.sample(BATCH, seed=1, first=first))[2]
        nibabel.save(to_nifti(volume, run.affine), tmp_path / "sample.nii.gz")
        written = root / "whole" / f"sample-{first + 2:04d}.nii.gz"
        assert written.read_bytes() == (tmp_path / "sample.nii.gz").read_bytes()


def test_what_is_missing_is_filled_in_to_the_same_bytes_and_the_rest_left_alone(root, run, tmp_path):
    write_samples(run, N, tmp_path, seed=1)
    for name in ("sample-0003.nii.gz", "sample-0033.nii.gz"):
        (tmp_path / name).unlink()
    (tmp_path / "sample-0020.nii.gz").write_bytes(b"")  # as a power failure leaves it
    kept = (tmp_path / "sample-0004.nii.gz").stat().st_mtime_ns
    write_samples(run, N, tmp_path, seed=1)
    assert content(tmp_path) == content(root / "whole")
    assert (tmp_path / "sample-0004.nii.gz").stat().st_mtime_ns == kept


def test_a_killed_command_is_gone_on_with(root, tmp_path):
    arguments = ["sample", str(root / "run"), "-n", str(N), "-o", str(tmp_path / "out"), "--seed", "1"]
    code = (
        "import os, sys; from alphagan.generation import nifti; from alphagan.__main__ import main; real = os.replace\n"
        "def dying(a, b): os.kill(os.getpid(), 9) if 'sample-0018' in str(b) else real(a, b)\n"
        f"nifti.os.replace = dying; main({arguments!r})"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert len(list((tmp_path / "out").glob("sample-*.nii.gz"))) == 18
    assert main(arguments) == 0
    there = {name: data for name, data in content(tmp_path / "out").items() if not name.startswith(".")}
    assert there == content(root / "whole")


def test_fewer_become_more_to_the_bytes_of_one_go(root, run, tmp_path):
    write_samples(run, BATCH + 5, tmp_path, seed=1)
    # As if the last bits were others in the smaller batch, which they are with some networks.
    (tmp_path / f"sample-{BATCH + 2:04d}.nii.gz").write_bytes(b"other bits")
    write_samples(run, N, tmp_path, seed=1)
    assert content(tmp_path) == content(root / "whole")


def test_only_batches_that_lack_something_are_computed(run, tmp_path, monkeypatch):
    write_samples(run, N, tmp_path)
    (tmp_path / "sample-0020.nii.gz").unlink()
    asked = []
    sample = type(run).sample
    monkeypatch.setattr(type(run), "sample", lambda self, n, *rest: asked.append(n) or sample(self, n, *rest))
    write_samples(run, N, tmp_path)
    assert asked == [BATCH]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 2}, r"made otherwise \(seed 1 -> 2\); name a new folder, or add --force"),
        ({"weights": "G"}, r"weights G_average -> G\)"),
        ({"n": 2}, "4 of the same kind; ask for as many or more"),
    ],
)
def test_other_samples_are_replaced_by_force_alone(run, tmp_path, changes, message):
    write_samples(run, 4, tmp_path, seed=1)
    before = content(tmp_path)
    asked = {"n": 4, "seed": 1} | changes
    with pytest.raises(InputError, match=message):
        write_samples(run, folder=tmp_path, **asked)
    assert content(tmp_path) == before
    write_samples(run, folder=tmp_path, force=True, **asked)
    write_samples(run, folder=tmp_path / "anew", **asked)
    assert content(tmp_path) == content(tmp_path / "anew")


def test_samples_of_unknown_origin_are_refused(run, tmp_path):
    write_samples(run, 2, tmp_path)
    (tmp_path / "samples.json").unlink()
    with pytest.raises(InputError, match=r"already holds sample-\*.nii.gz; name a new folder"):
        write_samples(run, 2, tmp_path)


def test_the_record_tells_what_samples_are_made_of(root, run):
    record = json.loads((root / "whole" / "samples.json").read_text())
    assert record["weights_sha256"] == run.networks.sha256
    assert (record["n"], record["seed"], record["weights"], record["device"]) == (N, 1, "G_average", "cpu")
    assert record["data"] == run.config["data"] != ""


def test_a_record_from_before_it_told_the_scans_is_gone_on_with(run, tmp_path):
    write_samples(run, 2, tmp_path, seed=1)
    record = json.loads((tmp_path / "samples.json").read_text())
    (tmp_path / "samples.json").write_text(json.dumps({key: told for key, told in record.items() if key != "data"}))
    write_samples(run, 3, tmp_path, seed=1)
    assert json.loads((tmp_path / "samples.json").read_text()) == record | {"n": 3}
    (tmp_path / "samples.json").write_text(json.dumps(record | {"data": "other"}))
    with pytest.raises(InputError, match="made otherwise"):
        write_samples(run, 3, tmp_path, seed=1)


def test_a_full_disk_is_told_in_a_line(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("alphagan.generation.nifti.os.replace", full)
    with pytest.raises(InputError, match="samples.json: could not be written .* make room"):
        write_samples(run, 1, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("integer", [np.int64, np.uint8, np.int32, bool])
def test_a_seed_is_the_same_of_whichever_type_of_integer_it_is(run, integer):
    np.testing.assert_array_equal(run.random_codes(2, seed=integer(1)), run.random_codes(2, seed=1))
    np.testing.assert_array_equal(run.random_codes(2, first=np.int64(1)), run.random_codes(2, first=1))


@pytest.mark.parametrize("seed", [1.0, None, [1]])
def test_a_seed_that_is_no_whole_number_is_refused(run, tmp_path, seed):
    with pytest.raises(InputError, match="^seed: .*; give a whole number$"):
        run.random_codes(2, seed=seed)
    with pytest.raises(InputError, match="^n: 2.5; give a whole number of at least 0$"):
        write_samples(run, 2.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()
