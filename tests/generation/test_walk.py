"""A walk starts and ends where it is told, turns by equal angles, and keeps to the length of its ends."""

import nibabel
import numpy as np
import pytest
from factories import tiny_settings
from PIL import Image
from trainings import trained

import alphagan
from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.generation.reconstruction import prepared_scan
from alphagan.generation.walk import walk
from alphagan.settings.sections import Cube
from alphagan.volumes.prepared import to_uint8


def test_both_ends_equal_angles_and_lengths_between():
    z_from, z_to = np.random.default_rng(0).standard_normal((2, 50))
    codes = walk(z_from, z_to, 7)
    assert codes.shape == (7, 50) and codes.dtype == np.float32
    np.testing.assert_allclose(codes[[0, -1]], [z_from, z_to], rtol=1e-5)
    lengths = np.linalg.norm(codes, axis=1)
    np.testing.assert_allclose(lengths, np.linspace(lengths[0], lengths[-1], 7), rtol=1e-5)
    cosines = (codes[1:] * codes[:-1]).sum(1) / lengths[1:] / lengths[:-1]
    np.testing.assert_allclose(cosines, cosines[0], rtol=1e-5)
    assert lengths[3] > 1.2 * np.linalg.norm((z_from + z_to) / 2)  # than on the straight line


def test_codes_in_one_direction_are_joined_by_a_line():
    np.testing.assert_allclose(walk([1.0, 0.0], [3.0, 0.0], 3), [[1, 0], [2, 0], [3, 0]])
    np.testing.assert_allclose(walk([1.0, 0.0], [-1.0, 0.0], 3), [[1, 0], [0, 0], [-1, 0]], atol=1e-6)
    np.testing.assert_allclose(walk([0.0, 0.0], [0.0, 4.0], 3), [[0, 0], [0, 2], [0, 4]])  # of length 0 there is none


@pytest.mark.parametrize(("z_to", "n"), [(np.zeros(3), 4), (np.zeros((1, 2)), 4), (np.ones(2), 1)])
def test_odd_input_is_refused(z_to, n):
    with pytest.raises(InputError):
        walk(np.ones(2), z_to, n)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    settings = tiny_settings(iterations=1).model_copy(update={"prepare": Cube(size=16)})
    return trained(tmp_path_factory.mktemp("root"), settings)


def steps(folder):
    return np.stack([np.asarray(nibabel.load(path).dataobj) for path in sorted(folder.glob("step-*.nii.gz"))])


def test_a_walk_between_samples_is_written_and_shown(root, tmp_path, capsys):
    command = ["interpolate", str(root / "run"), "--from", "2", "--to", "5:0", "--seed", "1", "-n", "4"]
    assert main([*command, "-o", str(tmp_path / "out")]) == 0
    run, written = alphagan.load(root / "run"), steps(tmp_path / "out")
    ends = np.concatenate([run.sample(1, seed=1, first=2), run.sample(1, seed=5)])
    assert written.shape == (4, 16, 16, 16)
    np.testing.assert_allclose(written[[0, -1]].astype(int), to_uint8(ends).astype(int), atol=1)
    assert np.array_equal(nibabel.load(tmp_path / "out" / "step-0003.nii.gz").affine, run.affine)
    with Image.open(tmp_path / "out" / "walk.gif") as shown:
        assert shown.n_frames == 6  # there and back
    assert main([*command, "-o", str(tmp_path / "out")]) == 2
    assert "already holds step-*.nii.gz; name a new folder" in capsys.readouterr().err


def test_a_walk_may_begin_at_a_scan(root, tmp_path, capsys):
    grid = np.stack(np.meshgrid(*3 * [np.linspace(-1, 1, 30)], indexing="ij"))
    brain = np.where((grid**2).sum(0) < 0.9, 100 + 50 * np.sin(9 * grid[1]), 0).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(brain, np.diag([-5.0, 5, 5, 1])), tmp_path / "scan.nii")
    command = ["interpolate", str(root / "run"), "--from", str(tmp_path / "scan.nii"), "-n", "2"]
    assert main([*command, "--to", "0", "-o", str(tmp_path / "out")]) == 0
    run = alphagan.load(root / "run")
    x_real = prepared_scan(tmp_path / "scan.nii", run.settings.prepare).cube[None]
    expected = to_uint8(run.decode(run.encode(x_real)))[0].astype(int)
    np.testing.assert_allclose(steps(tmp_path / "out")[0].astype(int), expected, atol=1)
    assert main([*command, "--to", "no.nii", "-o", str(tmp_path / "other")]) == 2
    assert "no.nii: no such file" in capsys.readouterr().err
    assert main([*command, "--to", "3:-2", "-o", str(tmp_path / "other")]) == 2
    assert "3:-2: samples are INDEX or SEED:INDEX, and counted from 0" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
