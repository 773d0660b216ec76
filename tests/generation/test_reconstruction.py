"""A scan of any orientation is given back on its own grid, with what is in it where it was."""

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from factories import tiny_settings
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from trainings import trained

import alphagan
from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.generation.nifti import save
from alphagan.generation.reconstruction import how_prepared, reconstruct, write_scan_reconstructions
from alphagan.preparation.cohorts import Scan
from alphagan.settings.sections import Cube

CUBE = Cube(size=16)
LANDMARK_MM = np.array([22.0, -31.0, 17.0])
GRID = {"LIA": (2.0, 2.0, 2.0), "LAS": (1.5, 1.5, 3.0), "PSR": (2.0, 2.5, 2.0), "RAS": (3.0, 2.0, 2.0)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    settings = tiny_settings(iterations=2).model_copy(update={"prepare": CUBE})
    return trained(tmp_path_factory.mktemp("root"), settings)


@pytest.fixture
def run(root):
    return alphagan.load(root / "run")


def scan(axes, turned=0.0, extra=()) -> nibabel.Nifti1Image:
    """A brain of 1.4 litres, skull-stripped, with a bright ball in it, stored along the named axes."""
    sizes = np.array(GRID[axes])
    shape = np.ceil(np.array([170, 200, 170]) / sizes).astype(int)
    c, s = np.cos(turned), np.sin(turned)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    affine[:3, :3] *= sizes
    affine[:3, 3] = [5, -8, 12] - affine[:3, :3] @ ((shape - 1) / 2)
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    mm = voxels @ affine[:3, :3].T + affine[:3, 3]
    brain = (((mm - [5, -8, 12]) / [65, 80, 65]) ** 2).sum(-1) < 1
    ball = ((mm - LANDMARK_MM) ** 2).sum(-1) < 12**2
    values = np.where(brain, 300 + 0.3 * mm[..., 1] + 1500 * ball, 0).astype(np.int16)
    image = nibabel.Nifti1Image(values, affine)
    image = image.as_reoriented(ornt_transform(io_orientation(affine), axcodes2ornt(axes)))
    return nibabel.Nifti1Image(image.get_fdata().astype(np.int16).reshape(*image.shape, *extra), image.affine)


def centre_mm(image):
    """Of the ball: what is far brighter than the rest."""
    data = image.get_fdata()
    bright = np.maximum(data - 350, 0)
    voxel = (np.indices(data.shape) * bright).reshape(3, -1).sum(1) / bright.sum()
    return nibabel.affines.apply_affine(image.affine, voxel)


@pytest.mark.parametrize("cube", [CUBE, Cube(size=16, fit="pad"), Cube(size=16, fit="pad", field_of_view_mm=200.0)])
@pytest.mark.parametrize(("axes", "turned"), [("LIA", 0.0), ("LAS", 0.0), ("PSR", 0.0), ("RAS", 0.3), ("LIA", -0.2)])
def test_a_landmark_comes_back_to_its_place(run, tmp_path, axes, turned, cube):
    image = scan(axes, turned)
    assert "".join(nibabel.aff2axcodes(image.affine)) == axes
    nibabel.save(image, tmp_path / "scan.nii.gz")
    found = reconstruct(run, tmp_path / "scan.nii.gz", cube)
    for given in found:
        assert given.shape == image.shape
        np.testing.assert_allclose(given.affine, image.affine, atol=1e-5)
    half_voxel_mm, much_less_mm = 4.0, 1.0  # those of padded cubes are larger
    assert np.linalg.norm(centre_mm(image) - LANDMARK_MM) < 1
    assert np.linalg.norm(centre_mm(found.x_real) - LANDMARK_MM) < much_less_mm < half_voxel_mm
    brain = image.get_fdata() > 0
    given = found.x_real.get_fdata()
    assert abs(np.median(given[brain]) / np.median(image.get_fdata()[brain]) - 1) < 0.1  # the scan's own
    np.testing.assert_allclose(found.error.get_fdata(), np.abs(given - found.x_rec.get_fdata()), atol=1e-2)


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_a_scan_in_metres_or_micrometres_is_given_back_in_millimetres(run, tmp_path, unit):
    image = scan("LAS")
    nibabel.save(
        nibabel.Nifti1Image(image.dataobj, np.diag([unit, unit, unit, 1]) @ image.affine), tmp_path / "scan.nii"
    )
    for given in reconstruct(run, tmp_path / "scan.nii", CUBE):
        np.testing.assert_allclose(given.affine, image.affine, rtol=1e-4, atol=1e-3)
        assert given.header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize("unit", ["meter", "mm", "micron"])
@pytest.mark.parametrize("codes", [(4, 0), (2, 1), (4, 1), (0, 1), (0, 3)])
def test_a_scan_given_back_names_the_scan_s_own_space(run, tmp_path, unit, codes):
    image = scan("PSR", turned=0.2)
    factor = {"meter": 1e-3, "mm": 1.0, "micron": 1e3}[unit]
    to_unit = np.diag([factor, factor, factor, 1])
    elsewhere = image.affine + np.pad([[5.0], [-3.0], [7.0]], ((0, 1), (3, 0)))
    stored = nibabel.Nifti1Image(image.dataobj, None)
    stored.header.set_xyzt_units(unit)
    stored.header.set_sform(to_unit @ image.affine if codes[0] else None, codes[0])
    stored.header.set_qform(to_unit @ elsewhere, codes[1])
    nibabel.save(stored, tmp_path / "scan.nii")
    expected = image.affine if codes[0] else elsewhere
    for number, given in enumerate(reconstruct(run, tmp_path / "scan.nii", CUBE)):
        save(given, tmp_path / f"{number}.nii.gz")
        written = nibabel.load(tmp_path / f"{number}.nii.gz")
        assert (int(written.header["sform_code"]), int(written.header["qform_code"])) == codes
        assert written.header.get_xyzt_units()[0] == "mm"
        np.testing.assert_allclose(written.affine, expected, atol=1e-3)
        np.testing.assert_allclose(written.header.get_zooms(), nibabel.affines.voxel_sizes(image.affine), rtol=1e-5)
        if codes[1]:
            np.testing.assert_allclose(written.header.get_qform(), elsewhere, atol=1e-3)


def test_a_scan_that_names_no_space_is_given_back_in_none(run, tmp_path):
    stored = nibabel.Nifti1Image(scan("RAS").dataobj, None)
    stored.header.set_zooms(GRID["RAS"])
    nibabel.save(stored, tmp_path / "scan.nii")
    for given in reconstruct(run, tmp_path / "scan.nii", CUBE):
        header = nibabel.Nifti1Image.from_bytes(given.to_bytes()).header
        assert (int(header["sform_code"]), int(header["qform_code"])) == (0, 0)
        np.testing.assert_allclose(header.get_best_affine(), nibabel.load(tmp_path / "scan.nii").affine, atol=1e-4)


def test_the_outermost_half_voxel_is_not_cut_off(run, tmp_path):
    image = scan("RAS")
    nibabel.save(image, tmp_path / "scan.nii.gz")
    brain, given = image.get_fdata() > 0, reconstruct(run, tmp_path / "scan.nii.gz", CUBE).x_real.get_fdata()
    edge = np.nonzero(brain.any((1, 2)))[0][0]
    assert given[edge][brain[edge]].min() > 0


def test_g_of_e_is_written_in_the_scan_s_intensities(run, tmp_path):
    nibabel.save(scan("RAS", extra=(1,)), tmp_path / "scan.nii.gz")  # with a fourth axis
    found = reconstruct(run, tmp_path / "scan.nii.gz", CUBE)
    assert found.x_rec.ndim == 3
    rec, real = found.x_rec.get_fdata(), found.x_real.get_fdata()
    assert rec[0, 0, 0] == real[0, 0, 0] == 0 and rec.max() <= real.max() * 1.3


def test_command_line(root, tmp_path, capsys):
    scans = [tmp_path / "ann" / "mri" / "brainmask.mgz", tmp_path / "bob" / "mri" / "brainmask.mgz"]
    for path in scans:
        path.parent.mkdir(parents=True)
        image = scan("LIA")
        nibabel.save(nibabel.MGHImage(image.get_fdata().astype(np.float32), image.affine), path)
    nibabel.save(scan("PSR"), tmp_path / "c_T1w.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.zeros((9, 9, 9)), np.eye(4)), tmp_path / "nothing.nii")
    named = [*map(str, scans), str(tmp_path / "c_T1w.nii.gz")]
    out = tmp_path / "out"
    assert main(["reconstruct", str(root / "run"), *named, "-o", str(out)]) == 0
    names = {f"{stem}_{what}.nii.gz" for stem in ("ann", "bob", "c_T1w") for what in ("prepared", "rec", "error")}
    assert {path.name for path in out.iterdir()} == names
    assert main(["reconstruct", str(root / "run"), *named, "-o", str(out)]) == 2
    assert "name a new folder" in capsys.readouterr().err
    some = [named[2], str(tmp_path / "nothing.nii"), str(tmp_path / "no.nii")]
    assert main(["reconstruct", str(root / "run"), *some, "-o", str(tmp_path / "some")]) == 1
    said = capsys.readouterr().err
    assert "nothing.nii: empty: every voxel is zero" in said and "no.nii: no such file" in said
    assert len(list((tmp_path / "some").iterdir())) == 3
    for wrong in (["--split", "val"], ["--prepared", str(root / "prepared")]):
        assert main(["reconstruct", str(root / "run"), *named, "-o", str(tmp_path / "new"), *wrong]) == 2
    assert main(["reconstruct", str(root / "run"), "-o", str(tmp_path / "new"), "--params", "p.yaml"]) == 2
    assert not (tmp_path / "new").exists()


def test_a_name_of_another_contrast_is_noted(run, tmp_path):
    for name in ("ann_FLAIR.nii.gz", "bob_T1w.nii.gz", "cleo.nii.gz"):
        nibabel.save(scan("RAS"), tmp_path / name)
    scans, like = sorted(tmp_path.glob("*.nii.gz")), Scan("", "", "T1w", Path())
    refused, noted = write_scan_reconstructions(run, scans, tmp_path / "out", CUBE, like=like)
    assert not refused and noted[scans[0]].startswith("its name tells FLAIR, and not T1w")
    assert not any("its name" in noted.get(path, "") for path in scans[1:])


def test_a_run_that_does_not_tell_is_told(root, run, tmp_path):
    assert how_prepared(run) == how_prepared(run, CUBE) == CUBE
    with pytest.raises(InputError, match="--params: has .*'fit': 'pad'.* its scans had .*'fit': 'stretch'.*; leave it"):
        how_prepared(run, CUBE.model_copy(update={"fit": "pad"}))
    shutil.copytree(root / "run", tmp_path / "run")
    config = json.loads((root / "run" / "config.json").read_text())
    del config["prepare"], config["modality"]
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    old = alphagan.load(tmp_path / "run")
    with pytest.raises(InputError, match=r"config.json: does not tell how scans were prepared.* --params params.yaml"):
        how_prepared(old)
    assert how_prepared(old, CUBE) == CUBE
    with pytest.raises(InputError, match="makes 16 cubed, but prepare.size is 32"):
        how_prepared(old, Cube())
