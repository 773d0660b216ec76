"""Simulated tumours and strokes: where they are, and what they do to the head."""

import dataclasses
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy.ndimage import binary_dilation, distance_transform_edt
from simulated import KINDS, Drawn, drawn, find, folded, mask_of, strokes, voxels

from alphagan.preparation.cohorts import lesion_growth, lesions, mni152, simulation
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.sections import Prepare


def test_without_a_lesion_everything_is_as_it_was():
    assert find()[0].fingerprint() == "(1, 'T1w', 2019, 1, 3.0)"
    assert not mask_of("none").any()


def test_fingerprint_tells_lesions_apart():
    prints = {find(lesion=kind)[0].fingerprint() for kind in ("none", *KINDS)}
    assert len(prints) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_lesion_depends_on_seed_and_subject_alone(kind):
    again = find(lesion=kind, n_subjects=9)[0]
    assert voxels(again.load()[0]).tobytes() == voxels(drawn(kind)).tobytes()
    assert not np.array_equal(voxels(find(lesion=kind, seed=1)[0].lesion_mask()), mask_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_one_subject_has_one_lesion_in_every_contrast_and_voxel_size(kind):
    def middle_and_ml(inside, size):
        points = np.argwhere(inside)
        return (points - (len(inside) - 1) / 2).mean(0) * size, len(points) * size**3 / 1000

    fine, fine_ml = middle_and_ml(mask_of(kind), 3.0)
    other = find(lesion=kind, modality="FLAIR", voxel_size_mm=6.0)[0]
    coarse, coarse_ml = middle_and_ml(voxels(other.lesion_mask()), 6.0)
    np.testing.assert_allclose(fine, coarse, atol=2.0)
    assert coarse_ml == pytest.approx(fine_ml, rel=0.15)


@pytest.mark.parametrize("kind", KINDS)
def test_lesions_take_the_place_of_tissue_inside_the_brain(kind, heads):
    for seed, head in enumerate(heads):
        rng = np.random.default_rng(seed)
        lesion = lesions.draw(rng, kind, head.scale)
        layers = lesion_growth.grow(rng, lesion, head.fractions, head.mni_mm)
        assert layers.min() >= 0
        assert layers.max() <= 1
        for size in (lesions.GROWTH_MM, 5.0):
            fractions = head.fractions if size == lesions.GROWTH_MM else simulation.tissues(head.anatomy, size)
            painted = lesions.paint(kind, fractions, layers, size)
            assert len(painted) == 3 + len(lesions.LAYERS[kind])
            assert painted.min() >= -1e-6
            np.testing.assert_allclose(painted.sum(0), fractions.sum(0), atol=1e-5)
            assert painted[3:].sum() * size**3 / 1000 == pytest.approx(lesion.volume_ml, rel=0.25)


def test_later_layers_cover_earlier_ones_and_oedema_spares_csf():
    fractions = np.array([0.5, 0.2, 0.3], np.float32)[:, None, None, None] * np.ones((3, 2, 2, 2), np.float32)
    opaque = np.ones((3, 2, 2, 2), np.float32)
    half = opaque * np.array([1.0, 0.5, 0.0], np.float32)[:, None, None, None]
    painted = lesions.paint("tumour", fractions, half, lesions.GROWTH_MM)[:, 0, 0, 0]
    np.testing.assert_allclose(painted, [0.25, 0.075, 0, 0.175, 0.5, 0], atol=1e-6)
    painted = lesions.paint("tumour", fractions, opaque, lesions.GROWTH_MM)[:, 0, 0, 0]
    np.testing.assert_allclose(painted, [0, 0, 0, 0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_what_lesions_do_to_the_head_can_be_undone(kind, heads):
    moved = 0
    for seed in range(10):
        before = heads[seed % len(heads)].anatomy.displacement_mm
        lesion = lesions.draw(np.random.default_rng(seed), kind)
        after = lesions.displace(lesion, before)
        assert mni152.smallest_jacobian(after) >= lesions.LEAST_JACOBIAN
        moved += not np.array_equal(after, before)
    assert moved >= 8
    strong = dataclasses.replace(lesion, mass_effect=0.9, ventricle_mm=30.0)
    assert mni152.smallest_jacobian(lesions.displace(strong, before)) >= lesions.LEAST_JACOBIAN


@pytest.mark.parametrize(("kind", "grows"), [("tumour", False), ("stroke", True)])
def test_the_ventricle_beside_a_tumour_is_pressed_and_beside_a_stroke_widened(kind, grows, heads):
    for head, side in zip(heads, (-1, 1), strict=True):
        lesion = dataclasses.replace(
            lesions.draw(np.random.default_rng(0), kind), centre_mm=np.array([side * 35.0, -20.0, 25.0]), volume_ml=80.0
        )
        displaced = lesions.displace(lesion, head.anatomy.displacement_mm)
        after = simulation.tissues(dataclasses.replace(head.anatomy, displacement_mm=displaced), lesions.GROWTH_MM)
        x, y, z = head.mni_mm
        beside = (x * side > 2) & (x * side < 32) & (y > -48) & (y < 28) & (z > -4) & (z < 32)
        beside &= mni152.near_ventricles(head.mni_mm)
        ratio = after[0][beside].sum() / head.fractions[0][beside].sum()
        assert ratio > 1.15 if grows else ratio < 0.9


def test_mass_effect_pushes_tissue_away(heads):
    """The lesion's centre stays where it is, and tissue 25 mm away from it has come from nearer by."""
    shape = mni152.template().free.shape
    centre = np.array([-30.0, 0.0, 35.0])
    lesion = lesions.Lesion("tumour", centre, 80.0, "", 0.4, 0.0)
    displacement = lesions.displace(lesion, np.zeros((3, *shape), np.float32))
    away = mni152.grid_points_mm() - centre[:, None, None, None]
    distance = np.sqrt((away**2).sum(0))
    inwards = -(displacement * away).sum(0) / np.maximum(distance, 1)
    assert inwards.min() >= -1e-3
    assert 4 < inwards[(distance > 22) & (distance < 28) & (mni152.template().free == 1)].mean() < 9
    assert np.abs(displacement[:, distance > 100]).max() < 0.1


def test_oedema_runs_through_white_matter(heads):
    """Of the tissue within 12 mm of the core, white matter is taken and CSF is not, and the front is no sphere."""
    for seed, head in enumerate(heads):
        rng = np.random.default_rng(seed)
        lesion = dataclasses.replace(lesions.draw(rng, "tumour"), volume_ml=90.0)
        oedema, core, necrosis = lesion_growth.grow(rng, lesion, head.fractions, head.mni_mm)
        assert (necrosis <= core).all()
        distance = distance_transform_edt(core < 0.5, sampling=lesions.GROWTH_MM)
        around = (distance > 0) & (distance < 12)
        white, csf = (around & (head.fractions[k] > 0.7) for k in (2, 0))
        assert oedema[white].mean() > 2 * oedema[csf].mean()
        front = distance[(oedema > 0.5) & binary_dilation(oedema < 0.5)]
        assert np.quantile(front, 0.9) - np.quantile(front, 0.1) > 4


def test_strokes_stay_in_their_hemisphere_and_half_of_them_in_each(heads):
    points, _ = strokes(heads, 12)
    assert all((folded(part)[:, 0] < 0).all() for part in points)
    centres = np.array([lesions.draw(np.random.default_rng([5, k]), "stroke").centre_mm for k in range(400)])
    assert 0.4 < (centres[:, 0] < 0).mean() < 0.6
    names = [lesions.draw(np.random.default_rng([5, k]), "stroke").territory for k in range(400)]
    for name, territory in lesions.TERRITORIES.items():
        share = territory["share"]
        assert names.count(name) / 400 == pytest.approx(share, abs=3.5 * (share * (1 - share) / 400) ** 0.5)


def test_volumes_are_within_their_limits():
    for kind in KINDS:
        drawn = [lesions.draw(np.random.default_rng([6, k]), kind) for k in range(300)]
        ml = [one.volume_ml for one in drawn if one.territory in ("", "middle")]
        low, high = lesions.VOLUME_ML[kind]["limits"]
        assert low <= min(ml) < max(ml) <= high
        assert np.median(ml) == pytest.approx(lesions.VOLUME_ML[kind]["median"], rel=0.25)


def test_a_cavity_is_as_csf_and_nothing_far_away_changes():
    tissue = np.array([0.25, 0.8, 1.0])
    assert lesions.contrast(np.random.default_rng(0), "stroke", "T1w", tissue)[1] == 0.25
    healthy, diseased = voxels(drawn("none")), voxels(drawn("stroke"))
    far = ~binary_dilation(mask_of("stroke"), iterations=20) & (healthy > 0) & (diseased > 0)
    assert np.quantile(np.abs(diseased[far] - healthy[far]), 0.99) < 0.02
    assert far.sum() > 1000


@pytest.mark.parametrize(
    ("kind", "modality", "low", "high"),
    [
        ("tumour", "FLAIR", 1.15, 2.0),
        ("tumour", "T2w", 1.15, 2.5),
        ("tumour", "T1w", 0.5, 0.95),
        ("stroke", "T1w", 0.2, 0.75),
    ],
)
def test_a_lesion_is_seen_beside_the_same_subject_without_it(kind, modality, low, high):
    image, without = voxels(drawn(kind, modality)), voxels(drawn("none", modality))
    inside = mask_of(kind) & (without > 0)
    assert low < image[inside].mean() / without[inside].mean() < high
    assert image[inside].min() > 0


@pytest.mark.parametrize(("kind", "modality"), [("tumour", "FLAIR"), ("tumour", "T2w"), ("stroke", "T1w")])
def test_a_lesion_is_seen_in_the_prepared_cube(kind, modality):
    scans = [Drawn("ann", "", modality, Path(), kind=which) for which in (kind, "none")]
    cube, without = (prepare_scan(scan, Prepare(size=32)) for scan in scans)
    to_cube = np.linalg.inv(cube.affine) @ drawn(kind, modality).affine
    where = nibabel.affines.apply_affine(to_cube, np.argwhere(mask_of(kind)))
    where = tuple(np.unique(np.clip(np.rint(where), 0, 31).astype(int), axis=0).T)
    # Each cube has its own grey scale; the brain's median sets them side by side.
    inside, outside = (one.cube[where].mean() / np.median(one.cube[one.cube > 0]) for one in (cube, without))
    assert inside / outside > 1.15 if kind == "tumour" else inside / outside < 0.8
