"""Samples reopen right way up in millimetres, depend on seed and number alone, and never mix with older ones."""

import subprocess
import sys

import nibabel
import numpy as np
import pytest
import torch
from factories import tiny_settings, write_prepared

from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.generation.nifti import write_samples
from alphagan.generation.run import Run, cube_affine, random_codes, reconstruct, sample
from alphagan.training.loop import fit
from alphagan.volumes.prepared import Volumes


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    write_prepared(root / "prepared")
    fit(tiny_settings(), root / "prepared", root / "run", root / "scratch")
    return root


def test_samples_are_nifti_in_millimetres(root, tmp_path):
    paths = write_samples(Run.load(root / "run"), 3, tmp_path / "out", seed=4)
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


def test_sample_i_does_not_depend_on_how_many(root):
    G = Run.load(root / "run").generator()
    few, many = torch.cat(list(sample(G, 3, seed=1))), torch.cat(list(sample(G, 20, seed=1, batch=7)))
    torch.testing.assert_close(few, many[:3])
    assert not torch.allclose(few, torch.cat(list(sample(G, 3, seed=2))))
    assert torch.equal(random_codes(2, 1, 8, 0)[0], random_codes(0, 3, 8, 0)[2])


def test_batch_statistics_make_samples_depend_on_their_mates(root):
    G = Run.load(root / "run").generator("G")
    alone = torch.cat(list(sample(G, 4, seed=1, batch=2, batch_statistics=True)))
    together = torch.cat(list(sample(G, 4, seed=1, batch=4, batch_statistics=True)))
    assert not torch.allclose(alone, together)
    assert not G.training


def test_reconstruction_encodes_the_scan_itself(root):
    run, volumes = Run.load(root / "run"), Volumes(root / "prepared")
    rows = volumes.rows("test")
    x_rec = reconstruct(run, volumes, rows)
    assert x_rec.shape == (4, 16, 16, 16)
    expected = run.generator()(run.encoder()(volumes.tensor(rows[1:2])))[0, 0]
    torch.testing.assert_close(x_rec[1], expected)


def test_affine_is_centred():
    affine = cube_affine(np.array([2.0, 3.0, 4.0]), 5)
    assert np.allclose(affine @ [2, 2, 2, 1], [0, 0, 0, 1])
    assert np.allclose(affine @ [3, 2, 2, 1], [2, 0, 0, 1])


def test_command_line(root, tmp_path, capsys):
    out = tmp_path / "samples"
    assert main(["sample", str(root / "run"), "-n", "2", "-o", str(out), "--seed", "3"]) == 0
    assert len(list(out.iterdir())) == 2
    assert main(["sample", str(root / "run"), "-n", "2", "-o", str(out)]) == 2
    assert "name a new folder" in capsys.readouterr().err
    arguments = ["reconstruct", str(root / "run"), "-o", str(tmp_path / "rec"), "--prepared", str(root / "prepared")]
    assert main(arguments) == 0
    image = nibabel.load(tmp_path / "rec" / "sub-004_rec.nii.gz")
    assert np.allclose(image.affine, Volumes(root / "prepared").affines([4])[0])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "config.json").unlink(), "no config.json; name the folder of a finished run"),
        (lambda run: (run / "config.json").write_text("{"), "config.json: damaged"),
        (lambda run: (run / "weights.pt").unlink(), "weights.pt: not found"),
        (lambda run: (run / "weights.pt").write_bytes((run / "weights.pt").read_bytes()[:500]), "weights.pt: damaged"),
    ],
)
def test_damaged_runs_are_refused_in_one_line(root, tmp_path, capsys, damage, message):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(root / "run", run)
    damage(run)
    assert main(["sample", str(run), "-n", "1", "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(InputError):
        main(["--debug", "sample", str(tmp_path), "-n", "1", "-o", str(tmp_path / "out")])


def test_help_names_every_command():
    shown = subprocess.run(
        [sys.executable, "-m", "alphagan", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in ("prepare", "train", "evaluate", "sample", "reconstruct", "bench"):
        assert f"\n    {command}" in shown
