"""Generated volumes that lie otherwise than the real ones are told of, and an option turns them."""

from itertools import permutations, product

import nibabel
import numpy as np
import pytest
from folders import read
from nilearn.datasets import load_mni152_template
from scans import AFFINE, SHAPE, scan_of, write
from scipy.ndimage import gaussian_filter, rotate, zoom

from alphagan.preparation.orientation import mirrored, stored
from alphagan.preparation.resample import prepare_scan
from alphagan.preparation.upright import MNI152, likely_directions, lying_otherwise, plainly_turned
from alphagan.report.doubts import doubts
from alphagan.report.options import Folders
from alphagan.settings.sections import Prepare

ALL = ["".join(axes) for order in permutations(("RL", "AP", "SI")) for axes in product(*order)]


BRAIN = zoom(MNI152.astype(np.float32), np.subtract(SHAPE, 4) / len(MNI152), order=1)


def person(number):
    """A brain in RAS order that is like the atlas's, but for what people differ in."""
    noise = gaussian_filter(np.random.default_rng(number).normal(size=BRAIN.shape), 2)
    return np.pad(np.where(BRAIN > 60, BRAIN * np.exp(0.15 * noise / noise.std()), 0), 2).astype(np.float32)


def fill(folder, numbers):
    for number in numbers:
        write(folder / f"{number}.nii", person(number))
    return folder


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("real"), range(200, 206))


def saved(folder, axes, affine, n=4):
    """Volumes with their axes in the directions that are named, and a header that says something else."""
    for number in range(300, 300 + n):
        path = write(folder / f"{number}.nii", person(number), axes=axes)
        voxels = np.asanyarray(nibabel.load(path).dataobj).copy()
        nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    return folder


@pytest.fixture(scope="module")
def upright(real, tmp_path_factory):
    sides = read(
        Folders(real, fill(tmp_path_factory.mktemp("up"), range(300, 304)), size=16), tmp_path_factory.mktemp("w")
    )
    return sides


def test_every_turn_is_found_but_for_left_and_right(upright):
    real, generated = upright["real"].volumes.array, upright["generated"].volumes.array
    for axes in ALL:
        turned = np.stack([nibabel.orientations.apply_orientation(cube, _to(axes)) for cube in generated])
        assert likely_directions(turned, real) in (axes, mirrored(axes))


def _to(axes):
    codes = nibabel.orientations.axcodes2ornt
    return nibabel.orientations.ornt_transform(codes("RAS"), codes(axes))


def test_upright_volumes_raise_no_doubt(upright):
    assert not [line for line in doubts(upright) if "orientation" in line]


@pytest.mark.parametrize(("axes", "affine"), [("LPS", np.eye(4)), ("SAR", np.diag([4.0, 4, 4, 1])), ("RIA", AFFINE)])
def test_turned_volumes_are_told_of_and_turned_back_by_the_option(real, upright, tmp_path, axes, affine):
    folder = saved(tmp_path / "gen", axes, affine)
    told = doubts(read(Folders(real, folder, size=16), tmp_path / "work"))
    (line,) = [line for line in told if "--orientation" in line]
    assert axes in (line.split("--orientation ")[1][:3], mirrored(line.split("--orientation ")[1][:3]))
    assert "left and right cannot be told" in line
    assert any("orientation unknown" in line for line in told) == (affine is not AFFINE)
    sides = read(Folders(real, folder, size=16, orientation=axes), tmp_path / "again")
    np.testing.assert_array_equal(sides["generated"].volumes.array, upright["generated"].volumes.array)
    told = [line for line in doubts(sides) if "orientation" in line]
    overruled = f"taken for {axes}, as orientation names them, and not for RAS, as the header says"
    assert len(told) == (affine is AFFINE) and all(overruled in line for line in told)


@pytest.mark.parametrize(("axes", "n"), [("LPS", 2), ("LPS", 4), ("RPI", 3)])
def test_a_part_that_is_turned_is_told(real, tmp_path, axes, n):
    saved(fill(tmp_path / "gen", range(310, 316)), axes, AFFINE, n)
    (line,) = [
        line for line in doubts(read(Folders(real, tmp_path / "gen", size=16), tmp_path / "work")) if "fit" in line
    ]
    assert f"{n} of {6 + n} volumes fit the real ones plainly better if what was taken for RAS is {axes}" in line


def test_one_odd_volume_is_none(upright):
    real, generated = upright["real"].volumes.array, upright["generated"].volumes.array.copy()
    generated[0] = generated[0, ::-1, ::-1]
    assert plainly_turned(generated, real) == plainly_turned(generated[1:], real) == ("RAS", 0)


@pytest.mark.parametrize("n", [1, 2, 5, 7, 8, 10])
def test_scans_of_a_cohort_that_lie_otherwise_are_told(upright, n):
    brains = np.concatenate([upright["real"].volumes.array, upright["generated"].volumes.array])
    nothing = ("RAS", [], "the others")
    assert lying_otherwise(brains) == nothing == lying_otherwise(brains[:4])
    assert lying_otherwise(brains[:1])[1] == []
    brains[:n] = brains[:n, :, ::-1, ::-1]
    directions, rows, than = lying_otherwise(brains)
    assert directions in ("RPI", "LPI") and rows == [*range(n)]
    assert than == ("the others" if n < 8 else "the mean brain of MNI152")


def test_what_is_like_no_brain_is_not_compared_with_one(generator):
    cubes = gaussian_filter(generator.normal(size=(8, 16, 16, 16)), (0, 2, 2, 2))
    assert lying_otherwise(np.clip(128 + 600 * cubes, 0, 255).astype(np.uint8))[2] == "the others"


def test_the_mean_brain_is_nilearn_s_in_all_ways_of_preparing_it(tmp_path):
    path = tmp_path / "mni152.nii.gz"
    nibabel.save(load_mni152_template(resolution=1), path)
    cube = prepare_scan(scan_of(path), Prepare(size=16, fit="stretch")).cube
    np.testing.assert_array_equal(cube, MNI152)


@pytest.mark.data
@pytest.mark.parametrize("fit", ["stretch", "pad"])
@pytest.mark.parametrize("n", [6, 8, 16])
def test_real_people_may_lie_upside_down_by_halves_or_altogether(real_scans, n, fit):
    scans = sorted((real_scans / "ixi").glob("*.nii.gz"))[:: 184 // n][:n]
    brains = np.stack([prepare_scan(scan_of(scan), Prepare(size=16, fit=fit)).cube for scan in scans])
    assert lying_otherwise(brains)[1] == []
    half = brains.copy()
    half[::2] = half[::2, :, :, ::-1]
    directions, rows, _ = lying_otherwise(half)
    assert directions in ("LAI", "RAI") and 0 < len(rows) and {*rows} <= {*range(0, n, 2)}
    directions, rows, than = lying_otherwise(brains[:, :, :, ::-1])
    assert directions in ("LAI", "RAI") and len(rows) > n / 2 and than == "the mean brain of MNI152"


@pytest.mark.data
@pytest.mark.parametrize("degrees", [-30, -20, -15, 15, 20, 30])
def test_real_people_in_a_tilted_grid_are_not_said_to_lie_otherwise(real_scans, tmp_path, degrees):
    """Which turn of a right angle fits a nose that is up or down best says nothing."""
    scans = sorted((real_scans / "ixi").glob("*.nii.gz"))[::12]
    brains = np.stack([prepare_scan(scan_of(scan), Prepare(size=16, fit="pad")).cube for scan in scans])
    tilted = []
    for scan in scans[:6]:
        voxels = np.asanyarray(nibabel.load(scan).dataobj).astype(np.float32)
        turned = rotate(voxels, degrees, axes=(1, 2), order=1)
        path = write(tmp_path / scan.name, np.where(turned < 10, 0, turned), np.diag([2.0, 2, 2, 1]))
        tilted.append(prepare_scan(scan_of(path), Prepare(size=16, fit="pad")).cube)
    tilted = np.stack(tilted)
    assert likely_directions(tilted, brains[6:]) == "RAS" and plainly_turned(tilted, brains[6:]) == ("RAS", 0)
    assert lying_otherwise(tilted)[1] == [] == lying_otherwise(np.concatenate([brains[6:], tilted[:2]]))[1]


def test_real_people_who_lie_otherwise_are_told_by_name(tmp_path):
    for axes, numbers in ((None, range(200, 206)), ("RPI", [206, 207])):
        fill(tmp_path / "real", numbers)
        for number in numbers if axes else []:
            path = write(tmp_path / "real" / f"{number}.nii", person(number), axes=axes)
            nibabel.save(nibabel.Nifti1Image(np.asanyarray(nibabel.load(path).dataobj).copy(), AFFINE), path)
    sides = read(Folders(tmp_path / "real", fill(tmp_path / "gen", range(300, 304)), size=16), tmp_path / "work")
    (line,) = [line for line in doubts(sides) if line.startswith("real: ") and "plainly" in line]
    assert line.startswith(
        "real: 2 of 8 scans, such as 206.nii, fit the others plainly better if what was taken for RAS"
    )


def test_identical_volumes_are_told(real, upright, tmp_path):
    said = "generated volumes are identical to an earlier one"
    assert not [line for line in doubts(upright) if said in line]
    for number in (1, 2):
        write(tmp_path / "gen" / f"{number}.nii", person(300))
    write(tmp_path / "gen" / "3.nii", person(301))
    assert f"1 of 3 {said}" in doubts(read(Folders(real, tmp_path / "gen", size=16), tmp_path / "work"))


def test_names_of_stored_axes_follow_from_what_the_header_said():
    for header in ALL:
        assert stored("RAS", header) == header and stored("LPS", stored("LPS", header)) == header
