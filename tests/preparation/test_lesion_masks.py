"""Lesion masks as other tools leave them: soft, in percent, inverted."""

import nibabel
import numpy as np
import pytest
from scans import head, write
from scipy import ndimage
from test_semisynthetic_stroke import MNI_AFFINE, ball

from alphagan.preparation.cohorts.semisynthetic_stroke import place
from alphagan.preparation.quality import QualityError

BRAIN = np.ones((46, 56, 48), bool)


def placed(mask):
    return place(nibabel.Nifti1Image(mask, MNI_AFFINE), BRAIN)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_soft_mask_begins_halfway_as_the_lesion_does(scale):
    soft = ndimage.gaussian_filter(ball(radius_mm=28.0).astype(np.float32), 1.0)
    soft[soft < 0.01] = 0
    true = placed(ball(radius_mm=28.0)).sum()
    assert abs(placed((soft * scale).astype(np.float32)).sum() / true - 1) < 0.1


def test_ringing_around_a_resampled_mask_is_not_the_lesion():
    ringing = ndimage.shift(ball(radius_mm=28.0).astype(np.float32), 0.5, order=3)
    assert np.count_nonzero(ringing) > 3 * ball(radius_mm=28.0).sum()
    assert abs(placed(ringing).sum() / placed(ball(radius_mm=28.0)).sum() - 1) < 0.1


def test_what_is_not_finite_is_outside_of_a_soft_mask():
    soft = ndimage.gaussian_filter(ball(radius_mm=28.0).astype(np.float32), 1.0)
    spoilt = soft.copy()
    spoilt[0, 0, 0] = np.inf
    assert np.array_equal(placed(spoilt), placed(soft))


def test_labels_are_all_inside():
    labels = ball(radius_mm=28.0) * 4 - 3 * ball(radius_mm=14.0)
    assert np.array_equal(placed(labels), placed(ball(radius_mm=28.0)))


def test_an_inverted_mask_is_refused():
    with pytest.raises(QualityError, match="marks 7870 ml, more than a stroke can be; write it as 1 and all"):
        placed(1 - ball())


@pytest.mark.parametrize(
    ("mask", "message"), [(ball() * 0, "marks no voxel"), (ball(), r"\(160, -15, 25\) mm, is not in the MNI152")]
)
def test_unusable_lesions_are_named(tmp_path, mask, message):
    affine = MNI_AFFINE.copy()
    affine[0, 3] += 200
    path = write(tmp_path / "lesion-9.nii.gz", mask, affine)
    with pytest.raises(QualityError, match=f"lesion-9.*{message}") as error:
        place(nibabel.load(path), head() > 0, name=str(path))
    assert "\n" not in str(error.value)
