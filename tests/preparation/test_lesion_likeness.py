"""How close simulated lesions are to real ones, and whether what tells so is right."""

import nibabel
import numpy as np
import pytest
from simulated import find, folded, strokes, voxels

from alphagan.evaluation import spread as calibration
from alphagan.preparation.cohorts import simulation


def test_map_of_known_lesions():
    cell = np.stack(np.meshgrid(*[np.arange(12) + 0.5] * 3, indexing="ij"), -1).reshape(-1, 3)
    right, front = cell + np.array([24, 0, 0]), cell + np.array([24, 12, 0])
    found = calibration.lesion_map([right * [-1, 1, 1], right, front], [1.0, 1.0, 1.0])
    assert found[2, 9, 4] == pytest.approx(2 / 3)
    assert found[2, 10, 4] == pytest.approx(1 / 3)
    assert found.sum() == pytest.approx(1)


def test_contrast_of_a_known_image_is_found_below_a_bias_field():
    grid = np.stack(np.meshgrid(*[np.arange(-24.0, 24.0)] * 3, indexing="ij"))
    radius = np.sqrt((grid**2).sum(0))
    brain = radius < 22
    tissue = np.digitize(radius, [8, 16])  # CSF, white, grey
    lesion = np.sqrt(((grid.T - [0, 0, 12]).T ** 2).sum(0)) < 3
    bias = np.exp(0.1 * grid[0] / 24 - 0.2 * (grid[1] / 24) ** 2)
    noise = 1 + 0.01 * np.random.default_rng(0).standard_normal(brain.shape)
    t1w = np.array([0.2, 1.0, 0.7])[tissue] * brain * bias * noise
    other = np.where(lesion, 1.8, np.array([3.0, 1.0, 1.4])[tissue]) * brain * 50 / bias * noise
    measured = calibration.contrast(t1w, other, brain, lesion, 2.0)
    assert measured == pytest.approx({"csf": 3.0, "grey": 1.4, "lesion": 1.8}, rel=0.05)
    assert np.isnan(calibration.contrast(t1w, other, brain, np.zeros_like(lesion), 2.0)["lesion"])


@pytest.mark.slow
def test_tumours_are_to_white_matter_as_the_lesions_of_open_ms_data():
    """The mean of 3 tumours within 10 % of the mean of 3 people, whose standard deviation in T2w is 14 %."""
    ratios = {modality: [] for modality in simulation.CONTRASTS}
    cohorts = [find(lesion="tumour", modality=modality, voxel_size_mm=2.0, n_subjects=3) for modality in ratios]
    for scans in zip(*cohorts, strict=True):
        lesion = voxels(scans[0].lesion_mask()) > 0
        images = {scan.modality: voxels(scan.load()[0]).astype(float) for scan in scans}
        for modality, image in images.items():
            measured = calibration.contrast(images["T1w"], image, image > 0, lesion, 2.0)
            ratios[modality].append(measured["lesion"])
    for modality, values in ratios.items():
        mean, _ = calibration.OPEN_MS_REFERENCE[modality]["lesion"]
        assert np.mean(values) == pytest.approx(mean, rel=0.1), modality


@pytest.mark.slow
def test_strokes_are_as_large_and_where_those_of_lesymap_are(heads):
    """Of 150 drawn, a quantile of the volume is known to about 15 %, the mean place to 3 mm."""
    reference = calibration.LESYMAP_REFERENCE
    points, voxels_mm3 = strokes(heads, 150)
    ml = [len(part) * voxel / 1000 for part, voxel in zip(points, voxels_mm3, strict=True)]
    for q, expected in reference["volume_ml"].items():
        assert np.quantile(ml, q) == pytest.approx(expected, rel=0.3), q
    together = np.concatenate([folded(part) for part in points])
    np.testing.assert_allclose(together.mean(0), reference["centre_mm"], atol=6)
    np.testing.assert_allclose(together.std(0), reference["sd_mm"], rtol=0.2)


@pytest.mark.data
@pytest.mark.slow
def test_map_of_strokes_resembles_that_of_lesymap(heads, real_scans):
    """Two halves of the 131 masks correlate to 0.93 and overlap by 0.81 with each other."""
    masks = [nibabel.load(path) for path in sorted((real_scans / "lesions" / "lesymap").glob("*.nii.gz"))]
    real = [nibabel.affines.apply_affine(mask.affine, np.argwhere(voxels(mask))) for mask in masks]
    reference = calibration.LESYMAP_REFERENCE
    assert len(real) == reference["n"]
    ml = [len(part) / 1000 for part in real]
    quantiles = {q: np.quantile(ml, q) for q in reference["volume_ml"]}
    assert quantiles == pytest.approx(reference["volume_ml"], rel=0.01)
    together = np.concatenate(real)
    np.testing.assert_allclose(together.mean(0), reference["centre_mm"], atol=0.1)
    np.testing.assert_allclose(together.std(0), reference["sd_mm"], atol=0.1)

    expected, drawn = calibration.lesion_map(real, [1.0] * len(real)), calibration.lesion_map(*strokes(heads, 150))
    covered = (expected > 0) | (drawn > 0)
    assert np.corrcoef(expected[covered], drawn[covered])[0, 1] > 0.85
    assert np.minimum(expected, drawn).sum() / ((expected.sum() + drawn.sum()) / 2) > 0.75


@pytest.mark.data
@pytest.mark.slow
def test_contrasts_are_those_of_open_ms_data(real_scans):
    for modality, reference in calibration.OPEN_MS_REFERENCE.items():
        measured = []
        for person in ("07", "19", "26"):
            t1w, image, brain, lesion = (
                voxels(nibabel.load(real_scans / "open_ms" / f"patient{person}_{name}.nii.gz")).astype(float)
                for name in ("T1w", modality, "brainmask", "lesion")
            )
            measured.append(calibration.contrast(t1w, image, brain > 0, lesion > 0, 2.0))
        for name, (mean, sd) in reference.items():
            values = [one[name] for one in measured]
            assert np.mean(values) == pytest.approx(mean, rel=0.01), (modality, name)
            assert np.std(values, ddof=1) == pytest.approx(sd, abs=0.01), (modality, name)
        if modality != "T1w":  # whose tissue is fitted to IXI
            expected = [reference["csf"][0], reference["grey"][0], 1.0]
            np.testing.assert_allclose(simulation.CONTRASTS[modality]["mean"], expected, atol=0.01)
