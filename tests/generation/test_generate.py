"""Samples reopen right way up in millimetres, depend on seed and number alone, and never mix with older ones."""

import csv
import shutil
import subprocess
import sys
from itertools import cycle

import nibabel
import numpy as np
import pytest
import torch
from factories import tiny_settings
from scans import rows_of
from trainings import trained

import alphagan
from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.generation.nifti import write_samples
from alphagan.generation.reconstruction import write_reconstructions
from alphagan.volumes.prepared import Volumes, cube_affine


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("root"), tiny_settings())


@pytest.fixture
def run(root):
    return alphagan.load(root / "run")


def test_samples_are_nifti_in_millimetres(root, tmp_path):
    paths = write_samples(alphagan.load(root / "run"), 3, tmp_path / "out", seed=4)
    assert [path.name for path in paths] == ["sample-0000.nii.gz", "sample-0001.nii.gz", "sample-0002.nii.gz"]
    image = nibabel.load(paths[0])
    assert image.shape == (16, 16, 16)
    assert image.get_data_dtype() == np.uint8
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    assert np.allclose(image.header.get_zooms(), (5, 6, 5))  # of the training cohort
    assert image.header.get_xyzt_units()[0] == "mm"
    assert np.allclose(image.affine @ [7.5, 7.5, 7.5, 1], [0, 0, 0, 1])
    assert not image.header["descrip"].tobytes().strip(b"\0")
    assert not image.header.extensions


def test_sample_i_does_not_depend_on_how_many(run):
    few, many = run.sample(3, seed=1), run.sample(20, seed=1)
    np.testing.assert_allclose(few, many[:3], atol=1e-5)
    np.testing.assert_allclose(run.sample(4, seed=1, first=16), many[16:], atol=1e-5)
    assert not np.allclose(few, run.sample(3, seed=2))
    assert np.array_equal(run.random_codes(1, first=2)[0], run.random_codes(3)[2])


def test_batch_statistics_make_samples_depend_on_their_mates(run):
    before = run.sample(4, seed=1, weights="G")
    alone, together = (run.sample(4, seed=1, weights="G", batch_statistics=n) for n in (2, 4))
    assert not np.allclose(alone, together)
    assert np.array_equal(run.sample(4, seed=1, weights="G"), before)  # they left the statistics of training alone


def test_reconstruction_encodes_the_scan_itself(root, run):
    x_real = Volumes(root / "prepared").tensor([4, 9, 14, 19])[:, 0]
    x_rec = run.decode(run.encode(x_real))
    assert x_rec.shape == (4, 16, 16, 16)
    expected = run.networks["G_average"](run.networks["E"](x_real[1:2, None]))[0, 0]
    torch.testing.assert_close(x_rec[1], expected)


def test_arrays_come_out_as_they_went_in(root, run):
    scans = np.load(root / "prepared" / "volumes.npy", mmap_mode="r")[:3]  # uint8, read-only
    codes = run.encode(scans)
    assert isinstance(codes, np.ndarray) and codes.shape == (3, 8) and codes.dtype == np.float32
    x_real = scans / 127.5 - 1
    for same in (x_real, x_real.astype(">f8"), torch.from_numpy(x_real), torch.from_numpy(scans.copy())):
        z_enc = run.encode(same)
        assert isinstance(z_enc, type(same))
        np.testing.assert_allclose(codes, z_enc, atol=1e-5)
    np.testing.assert_allclose(run.encode(x_real[:, ::-1]), run.encode(x_real[:, ::-1].copy()))
    x_rec = run.decode(codes)
    assert isinstance(x_rec, np.ndarray) and x_rec.dtype == np.float32
    np.testing.assert_allclose(x_rec, run.decode(torch.from_numpy(codes)), atol=1e-6)
    assert isinstance(run.decode(torch.from_numpy(codes)), torch.Tensor)


def test_weights_are_read_once(root, tmp_path):
    shutil.copytree(root / "run", tmp_path / "run")
    run = alphagan.load(tmp_path / "run")
    x_rand = run.sample(2)
    (tmp_path / "run" / "weights.pt").unlink()
    assert np.array_equal(run.sample(2), x_rand)
    assert run.encode(x_rand).shape == (2, 8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: run.sample(0), "n: 0; give a whole number of at least 1"),
        (lambda run: run.sample(2.5), "n: 2.5; give a whole number of at least 1"),
        (lambda run: run.sample(1, first=-1), "first: -1; give a whole number of at least 0"),
        (lambda run: run.sample(1, weights="E"), "weights: 'E' is unknown; use one of G_average, G, G_early"),
        (lambda run: run.networks["H"], "has no network H, only G_average, G, G_early, E, D, C"),
        (lambda run: run.encode(np.zeros((2, 8, 8, 8), np.uint8)), r"shape \(2, 8, 8, 8\), but .*\(n, 16, 16, 16\)"),
        (lambda run: run.encode(np.zeros((2, 16, 16, 16), np.int16)), "volumes: int16; give an array of uint8"),
        (lambda run: run.encode([[0.0]]), "volumes: list; give an array"),
        (lambda run: run.encode(np.full((2, 16, 16, 16), 200.0)), "floats are finite, from -1 for background to 1"),
        (lambda run: run.encode(np.full((2, 16, 16, 16), 0.5)), "floats are finite, from -1 for background to 1"),
        (lambda run: run.encode(np.linspace(-0.05, 1, 8192).reshape(2, 16, 16, 16)), "floats are finite, from -1 for"),
        (lambda run: run.encode(np.full((2, 16, 16, 16), np.nan)), "floats are finite, from -1 for background to 1"),
        (  # half of it background, of a half of the range
            lambda run: run.encode(
                np.where(np.arange(16) < 8, -0.5, np.linspace(-0.5, 0.5, 16)) * np.ones((1, 16, 16, 1))
            ),
            "floats are finite, from -1 for background to 1",
        ),
        (lambda run: run.decode(np.zeros((2, 7))), r"codes: shape \(2, 7\), but .* takes \(n, 8\)"),
        (lambda run: run.sample(2, seed="1"), "seed: '1'; give a whole number"),
        (lambda run: run.decode(np.full((2, 8), np.nan)), r"takes \(n, 8\) finite numbers"),
    ],
)
def test_what_does_not_fit_is_refused(run, call, message):
    with pytest.raises(InputError, match=message):
        call(run)


def test_the_package_imports_lightly():
    code = "import sys, alphagan; alphagan.__version__; assert not {'torch', 'numpy', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import alphagan; assert alphagan.load and alphagan.metrics.Estimate and alphagan.audit.Auditor"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_affine_is_centred():
    affine = cube_affine(np.array([2.0, 3.0, 4.0]), 5)
    assert np.allclose(affine @ [2, 2, 2, 1], [0, 0, 0, 1])
    assert np.allclose(affine @ [3, 2, 2, 1], [2, 0, 0, 1])


def test_command_line(root, tmp_path, capsys):
    out = tmp_path / "samples"
    assert main(["sample", str(root / "run"), "-n", "2", "-o", str(out), "--seed", "3"]) == 0
    assert len(list(out.glob("*.nii.gz"))) == 2
    assert main(["sample", str(root / "run"), "-n", "2", "-o", str(out)]) == 2
    assert "name a new folder" in capsys.readouterr().err
    arguments = ["reconstruct", str(root / "run"), "-o", str(tmp_path / "rec"), "--prepared", str(root / "prepared")]
    assert main(arguments) == 0
    image = nibabel.load(tmp_path / "rec" / "sub-004_rec.nii.gz")
    assert np.allclose(image.affine, Volumes(root / "prepared").affines([4])[0])


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(InputError):
        main(["--debug", "sample", str(tmp_path), "-n", "1", "-o", str(tmp_path / "out")])


def test_help_names_every_command():
    shown = subprocess.run(
        [sys.executable, "-m", "alphagan", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in ("prepare", "train", "evaluate", "sample", "reconstruct", "bench"):
        assert f"\n    {command}" in shown


def test_scans_of_one_person_go_to_files_of_their_own(root, run, tmp_path):
    prepared = tmp_path / "prepared"
    shutil.copytree(root / "prepared", prepared)
    rows = rows_of(prepared / "subjects.csv")
    for row, (subject, session) in zip(
        rows, cycle([("ann", ""), ("ann", ""), ("Ann", ""), ("ann", "2")]), strict=False
    ):
        row |= {"subject": subject, "session": session, "split": "train"}
    rows[3]["subject"] = "../../bob"
    with open(prepared / "subjects.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    paths = write_reconstructions(run, Volumes(prepared), tmp_path / "out", "train")
    assert len(set(paths)) == len(rows) == len(list((tmp_path / "out").iterdir()))
    assert [path.name for path in paths[:4]] == [
        "ann_scan-1_rec.nii.gz",
        "ann_scan-2_rec.nii.gz",
        "Ann_scan-3_rec.nii.gz",
        "--..-bob_2_rec.nii.gz",
    ]
