"""What is unusual about the shape of a brain is said, and nothing of what is usual."""

import nibabel
import numpy as np
import pytest
from scans import SHAPE, scan_of, write
from scipy import ndimage
from small_t1w import AFFINE, INSIDE, brain, prepared

from alphagan.preparation.outline import boxed
from alphagan.preparation.resample import prepare_scan
from alphagan.preparation.shape import _rim, of_outline
from alphagan.settings.sections import Prepare


def shares():
    """Where each voxel lies in the box around the brain, from 0 to 1 along each axis, (3, X, Y, Z)."""
    ends = [INSIDE.any(axes).nonzero()[0][[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    return np.stack(
        [(at - low + 0.5) / (high - low + 1) for at, (low, high) in zip(np.indices(SHAPE), ends, strict=True)]
    )


def test_a_brain_without_its_cerebellum_is_told_though_its_end_is_round(tmp_path):
    x, y, z = shares()
    for half in (2, 0.5):
        gone = (((x - 0.75) / 0.25) ** 2 < half) & (((y - 0.25) / 0.25) ** 2 + ((z - 0.18) / 0.2) ** 2 < 1)
        note = prepared(tmp_path, np.where(gone, 0, brain())).note
        assert "of where brains have their cerebellum and occipital lobes is empty" in note
    gone = ((x - 0.5) / 0.4) ** 2 + ((y - 0.75) / 0.25) ** 2 + ((z - 0.18) / 0.2) ** 2 < 1  # in front
    assert "cerebellum" not in prepared(tmp_path, np.where(gone, 0, brain())).note


def test_a_brain_that_lies_upside_down_lacks_a_cerebellum(tmp_path):
    _, y, z = shares()
    forehead = np.where((y < 0.35) & (z > 0.65), 0, brain())  # nothing is missing at the bottom
    assert "cerebellum" not in prepared(tmp_path, forehead).note
    assert "or the scan may lie otherwise" in prepared(tmp_path, forehead[:, :, ::-1]).note


@pytest.mark.parametrize(
    ("scale", "words"),
    [((0.65, 1, 1), "times as long as it is wide"), ((1, 1, 0.65), "times as high as it is long"), ((1, 1, 1), "")],
)
def test_a_brain_that_is_squashed_along_an_axis_is_told(tmp_path, scale, words):
    note = prepared(tmp_path, brain(), AFFINE @ np.diag([*scale, 1])).note
    assert words in note and (": a voxel size may be wrong" in note) == bool(words)


@pytest.mark.parametrize(("axis", "way"), list(enumerate(["left to right", "back to front", "bottom to top"])))
def test_sections_that_are_empty_between_others_are_told(tmp_path, axis, way):
    holed = brain()
    np.moveaxis(holed, axis, 0)[17, 15:] = 0  # what is left joins the two parts
    assert f"are empty, or half of them, between others: 1 from {way}" in prepared(tmp_path, holed).note


def test_thick_slices_that_become_several_of_a_cube_are_told(tmp_path):
    thick = brain()[:, :, ::2]
    said = "voxels from bottom to top were enlarged to 32, which made up detail: choose a smaller size"
    assert said in prepared(tmp_path, thick, AFFINE @ np.diag([1, 1, 2, 1])).note
    assert "enlarged" not in prepared(tmp_path, thick, AFFINE @ np.diag([1, 1, 2, 1]), size=16).note


@pytest.mark.parametrize(("beside", "told"), [(0, True), (1, False)])
def test_a_small_padded_cube_is_not_called_stretched(tmp_path, beside, told):
    """At 16 voxels a padded brain leaves one or two free at each side."""
    axis = np.linspace(-1, 1, 16)
    x, y, z = np.meshgrid(axis * 16 / (16 - 2 * beside), axis, axis, indexing="ij")
    brain = np.where(x**2 + y**2 + z**2 < 1.05, 1500 - 400 * np.hypot(x, y) + 90 * np.sin(9 * z), 0)
    path = write(tmp_path / "cube.nii", brain.astype(np.float32), np.diag([10.0, 10, 10, 1]))
    note = prepare_scan(scan_of(path), Prepare(size=16, fit="pad", min_brain_ml=0)).note
    assert ("fills its cube, as stretched ones do" in note) == told


@pytest.mark.parametrize(
    ("cut", "side"), [(np.s_[:, :, :24], "top"), (np.s_[:, :, 12:], "bottom"), (np.s_[:18], "right")]
)
def test_a_brain_that_was_cut_off_is_told(tmp_path, cut, side):
    assert f"cut off, at its {side}" in prepared(tmp_path, brain()[cut]).note


@pytest.mark.parametrize(
    ("normal", "side"), [((0, 0.3, 1), "top"), ((0.2, -1, 0.3), "back"), ((0, 1, -1), "front and bottom")]
)
def test_a_brain_that_a_tilted_plane_cut_is_told(tmp_path, normal, side):
    fine = np.kron(brain(), np.ones((2, 2, 2), np.int16))
    affine = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
    height = np.indices(fine.shape).T @ np.divide(normal, np.linalg.norm(normal))
    end = np.quantile(height.T[fine > 0], 0.92)
    assert "flat" not in prepared(tmp_path, fine, affine).note
    note = prepared(tmp_path, np.where(height.T < end, fine, 0), affine).note
    assert "the brain is flat, as if it were cut off by a tilted plane, at its " in note
    assert set(side.split(" and ")) == set(note.split("tilted plane, at its ")[1].split(" (")[0].split(" and "))


def test_a_cord_that_sets_the_box_is_told(tmp_path):
    low = int(np.nonzero(INSIDE.any((0, 1)))[0][0])
    taller = np.pad(brain(), ((0, 0), (0, 0), (12 - low, 0)))
    middle = [(np.nonzero(INSIDE.any(axes))[0][[0, -1]].sum() // 2) for axes in ((1, 2), (0, 2))]
    taller[middle[0], middle[1], 4:16] = 700
    assert "as thin as a string for part of its length, at its bottom (" in prepared(tmp_path, taller).note


def test_a_cube_that_brains_were_stretched_to_fill_is_not_called_cut(tmp_path):
    box = brain()[tuple(slice(*INSIDE.any(axes).nonzero()[0][[0, -1]] + [0, 1]) for axes in ((1, 2), (0, 2), (0, 1)))]
    side = 20
    nearest = np.ix_(*(np.linspace(0, n - 1, side).round().astype(int) for n in box.shape))
    grown = box[nearest]
    grown[:, :, 0] = grown[:, :, 4]
    assert "flat" not in prepared(tmp_path, grown, np.diag([8.0, 8.0, 8.0, 1])).note
    path = write(tmp_path / "grown.nii", grown, np.diag([8.0, 8.0, 8.0, 1]))
    notes = [prepare_scan(scan_of(path), Prepare(size=16, fit=fit)).note for fit in ("pad", "stretch")]
    assert ["whose proportions are lost: compare with fit: stretch" in note for note in notes] == [True, False]
    assert "cut off, at its bottom" in prepared(tmp_path, grown[:, :, :-1], np.diag([8.0, 8.0, 8.0, 1])).note


@pytest.mark.parametrize("scale", [0.8, 1.15])
def test_a_brain_that_is_unusually_small_or_large_is_told(tmp_path, scale):
    found = prepared(tmp_path, brain(), AFFINE @ np.diag([scale, scale, scale, 1]))
    assert f"the brain has {found.brain_ml:.0f} ml" in found.note


@pytest.mark.parametrize(("zoom", "told"), [(1, False), (4, True)])
def test_how_much_of_its_box_a_brain_fills_is_told_where_there_are_enough_voxels(tmp_path, zoom, told):
    """A ball fills 52 % of its box, which outlines of few voxels do as well."""
    grid = np.indices((30 * zoom,) * 3) - (30 * zoom - 1) / 2
    depth = np.maximum(13 * zoom - np.sqrt((grid**2).sum(0)), 0) / zoom
    affine = np.diag([5 / zoom, 5 / zoom, 5 / zoom, 1])
    assert ("of its box, where brains fill" in prepared(tmp_path, (depth * 100).astype(np.int16), affine).note) == told


def test_a_brain_of_one_tilted_plane_stops_nothing():
    x, y, z = np.indices((40, 40, 40))
    found = boxed(np.where((x + y + z == 60) & (x < 38), 100, 0))
    assert min(found.inside.shape) >= 32  # so that planes are looked for
    assert not any("tilted" in line for line in of_outline(found, np.ones(3), None, (64, 64, 64)))


@pytest.mark.data
@pytest.mark.parametrize("step", [2.5, 3])
def test_whole_brains_in_coarse_grids_are_not_called_cut(real_scans, tmp_path, step):
    whole, cut = [], []
    for path in sorted((real_scans / "ixi").glob("*.nii.gz"))[::10]:
        image = nibabel.load(path)
        coarse = ndimage.zoom(image.get_fdata(), 1 / step, order=1)
        affine = image.affine @ np.diag([step, step, step, 1])
        top = np.flatnonzero(coarse.any((0, 1)))
        less = coarse.copy()
        less[:, :, top[-1] - len(top) // 5 :] = 0
        for volume, notes in ((coarse, whole), (less, cut)):
            notes.append(prepare_scan(scan_of(write(tmp_path / "t1.nii", volume, affine)), Prepare(size=16)).note)
    assert not [note for note in whole if "is flat" in note]
    assert not [note for note in cut if "is flat, as if it" not in note or "top" not in note]


@pytest.mark.parametrize("shape", [(7, 5, 6), (2, 3, 9), (1, 4, 4)])
def test_the_surface_is_what_an_erosion_takes_off(generator, shape):
    for share in (0.5, 0.95, 1.0):  # the last fills the box, whose ends are surface
        inside = generator.random(shape) < share
        np.testing.assert_array_equal(_rim(inside), inside & ~ndimage.binary_erosion(inside))
