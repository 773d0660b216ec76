"""Real lesions in real scans: which, where, how dark; on small files that are written here."""

import itertools

import nibabel
import numpy as np
import pytest
from pydantic import TypeAdapter
from scans import AFFINE, SHAPE, head, write

from alphagan.errors import InputError
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.cohorts.semisynthetic_stroke import csf_intensity, place
from alphagan.preparation.quality import QualityError
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.cohorts import AnyCohort
from alphagan.settings.sections import Prepare

# A grid of 4 mm about the MNI152 brain.
MNI_SHAPE, MNI_AFFINE = (46, 56, 48), np.array([[4.0, 0, 0, -90], [0, 4, 0, -126], [0, 0, 4, -72], [0, 0, 0, 1]])
LEFT_MM = (-40.0, -15.0, 25.0)


def brain_of(seed=0, background=0):
    """White matter of about 1500, grey of 1100 around it, CSF of 300 in the middle; RAS, on the grid of `AFFINE`."""
    rng = np.random.default_rng(seed)
    radius = np.sqrt(sum(x**2 for x in np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")))
    values = np.array([300, 1500, 1100])[np.digitize(radius, [0.3, 0.6])] + rng.normal(0, 30, SHAPE)
    return np.where(head() > 0, values, background).astype(np.int16)


def ball(centre_mm=LEFT_MM, radius_mm=22.0):
    """A lesion mask, (X, Y, Z) uint8, on the grid above."""
    points = nibabel.affines.apply_affine(MNI_AFFINE, np.moveaxis(np.indices(MNI_SHAPE), 0, -1))
    return (((points - centre_mm) ** 2).sum(-1) < radius_mm**2).astype(np.uint8)


def write_scans_and_lesions(folder, n=8):
    """People with one scan each, and three lesions in MNI space; returns the cohort's section of params.yaml."""
    for k in range(1, n + 1):
        write(folder / "scans" / f"sub-{k:02d}_T1w.nii.gz", brain_of(k), axes="LPS" if k % 2 else "RAS")
    for k, (y, radius) in enumerate([(-50.0, 16.0), (-15.0, 24.0), (25.0, 20.0)], 1):
        mask = ball((-40.0, y, 20.0), radius)
        write(folder / "lesions" / f"lesion-{k}.nii.gz", mask, MNI_AFFINE, axes="LAS" if k % 2 else "RAS")
    return {"kind": "semisynthetic_stroke", "source": str(folder)}


def found(folder, **changes):
    section = {"kind": "semisynthetic_stroke", "source": str(folder)} | changes
    return find_scans(TypeAdapter(AnyCohort).validate_python(section))


def voxels(image):
    return np.asanyarray(image.dataobj)


@pytest.fixture
def folder(tmp_path):
    write_scans_and_lesions(tmp_path, n=4)
    return tmp_path


def test_every_scan_has_one_lesion_and_says_so(folder):
    scans = found(folder)
    assert [scan.subject for scan in scans] == ["01", "02", "03", "04"]
    for scan in scans:
        assert scan.image.name in scan.source
        assert scan.lesion.name in scan.source
        assert scan.modality == "T1w"


def test_the_lesion_depends_on_seed_and_person_alone(tmp_path):
    write_scans_and_lesions(tmp_path, n=12)
    before = {scan.subject: (scan.lesion, scan.mirrored) for scan in found(tmp_path)}
    (tmp_path / "scans" / "sub-01_T1w.nii.gz").unlink()
    write(tmp_path / "scans" / "sub-02_ses-2_T1w.nii.gz", brain_of(40))
    after = found(tmp_path)
    assert all((scan.lesion, scan.mirrored) == before[scan.subject] for scan in after)
    assert len({lesion for lesion, _ in before.values()}) == 3
    assert {mirrored for _, mirrored in before.values()} == {True, False}
    other = {scan.subject: (scan.lesion, scan.mirrored) for scan in found(tmp_path, seed=1)}
    assert any(other[subject] != before[subject] for subject in other)


def test_loading_twice_gives_the_same_bytes(folder):
    first, again = found(folder)[0], found(folder)[0]
    assert first == again
    assert voxels(first.load()[0]).tobytes() == voxels(again.load()[0]).tobytes()


def test_fingerprint_changes_with_the_scan_the_lesion_and_the_side(folder):
    scan = found(folder)[0]
    before = scan.fingerprint()
    assert found(folder)[0].fingerprint() == before
    write(scan.lesion, ball(radius_mm=9.0), MNI_AFFINE)
    after = found(folder)[0].fingerprint()
    assert after != before
    write(scan.image, brain_of(99)[:-2])
    assert found(folder)[0].fingerprint() not in (before, after)
    for one, other in itertools.combinations(found(folder), 2):
        assert one.fingerprint() != other.fingerprint()


def test_only_the_lesion_changes_and_it_is_dark(folder):
    for scan in found(folder):
        image, mask = scan.load()
        lesion = voxels(scan.lesion_mask()) > 0
        assert mask is None
        assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
        original = nibabel.as_closest_canonical(nibabel.load(scan.image))
        np.testing.assert_allclose(image.affine, original.affine)
        before, after = voxels(original).astype(float), voxels(image)
        np.testing.assert_array_equal(after > 0, before > 0)
        assert not lesion[before == 0].any()
        assert 5 < lesion.sum() * 0.064 < 80
        csf = csf_intensity(before, before > 0)
        assert csf == pytest.approx(300, abs=50)
        for scale, shift in ((1 / 250, -4), (1, -900), (1, 5000)):  # as z-scores and the like have it
            assert csf_intensity(before * scale + shift, before > 0) == pytest.approx(csf * scale + shift, abs=1e-3)
        # At the soft edge, what was there before shines through.
        assert np.median(after[lesion]) < 700 < 1000 < np.median(before[lesion])
        far = np.abs(after - before) < 1e-3
        assert far[before > 0].mean() > 0.8


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("axes", ["RAS", "LPI", "PSR"])
def test_the_lesion_is_where_it_should_be_in_the_brain(tmp_path, mirrored, axes):
    """A quarter of the brain's width left of its middle, or right of it if mirrored, however the mask is stored."""
    path = write(tmp_path / "lesion.nii.gz", ball((-36.25, -17.0, 43.75), 15.0), MNI_AFFINE, axes=axes)
    brain = np.zeros((60, 70, 64), bool)
    brain[10:50, 5:65, 12:52] = True
    opacity = place(nibabel.load(path), brain, mirrored)
    middle = (np.argwhere(opacity > 0.5)).mean(0)
    expected = [10 + 40 * (0.75 if mirrored else 0.25), 5 + 60 * 0.5, 12 + 40 * 0.75]
    np.testing.assert_allclose(middle + 0.5, expected, atol=0.6)
    assert opacity.min() >= 0
    assert opacity.max() == pytest.approx(1, abs=0.02)
    # Each side of the box stretches the lesion by its own length.
    extent = np.ptp(np.argwhere(opacity > 0.5), axis=0) + 1
    np.testing.assert_allclose(extent, np.array([40 / 145, 60 / 181, 40 / 155]) * 30, atol=1.6)


def test_the_edge_is_soft():
    brain = np.zeros((80, 100, 84), bool)
    brain[4:-4, 4:-4, 4:-4] = True
    opacity = place(nibabel.Nifti1Image(ball(), MNI_AFFINE), brain)
    assert ((opacity > 0.1) & (opacity < 0.9)).sum() > 0.1 * (opacity >= 0.9).sum()


def test_a_mask_tells_what_is_brain_and_is_passed_on(tmp_path):
    write_scans_and_lesions(tmp_path, n=2)
    for k in (1, 2):
        whole = brain_of(k, background=700)
        write(tmp_path / "scans" / f"sub-{k:02d}_T1w.nii.gz", whole)
        inside = (head() > 0).astype(np.uint8)
        shifted = AFFINE.copy()
        shifted[:3, 3] += AFFINE[:3, :3] @ [2, 2, 2]
        write(tmp_path / "scans" / f"sub-{k:02d}_mask.nii.gz", inside[2:, 2:, 2:], shifted)
    scans = found(tmp_path, pattern="sub-{subject}_T1w.nii.gz", mask_pattern="sub-{subject}_mask.nii.gz")
    for scan in scans:
        image, mask = scan.load()
        assert mask.shape == tuple(n - 2 for n in SHAPE)
        outside = head() == 0
        np.testing.assert_array_equal(voxels(image)[outside], 700)
        assert voxels(scan.lesion_mask()).any()
        assert not voxels(scan.lesion_mask())[outside].any()
        assert prepare_scan(scan, Prepare(size=16)).cube.any()


@pytest.mark.parametrize("changes", [{}, {"orientation": "LPS"}])
def test_brain_and_orientation_are_what_they_are_to_preparation(tmp_path, changes):
    """A speck, a background that is not 0 and a header that tells nothing move no lesion."""
    write_scans_and_lesions(tmp_path, n=1)  # stored as LPS
    before = prepare_scan(found(tmp_path)[0], Prepare(size=16))
    path, darker = tmp_path / "scans" / "sub-01_T1w.nii.gz", brain_of(1, background=-500)
    darker[1, 1, 1] = 900
    write(path, darker, axes="LPS")
    if changes:
        nibabel.save(nibabel.Nifti1Image(voxels(nibabel.load(path)), np.diag([4.0, 4, 4, 1])), path)
    after = prepare_scan(found(tmp_path, **changes)[0], Prepare(size=16))
    assert (after.background, after.n_specks) == (-500, 1)
    assert np.corrcoef(before.cube.ravel(), after.cube.ravel())[0, 1] > 0.99


def test_lesions_are_seen_in_the_prepared_cube(folder):
    for scan in found(folder):
        prepared = prepare_scan(scan, Prepare(size=32))
        lesion = scan.lesion_mask()
        to_cube = np.linalg.inv(prepared.affine) @ lesion.affine
        where = nibabel.affines.apply_affine(to_cube, np.argwhere(voxels(lesion)))
        where = tuple(np.unique(np.rint(where).astype(int).clip(0, 31), axis=0).T)
        assert prepared.cube[where].mean() < 0.7 * np.median(prepared.cube[prepared.cube > 0])


def test_a_scan_that_cannot_be_used_is_left_to_quality_control(folder):
    broken = brain_of().astype(np.float32)
    broken[3, 3, 3] = np.nan
    write(folder / "scans" / "sub-01_T1w.nii.gz", broken)
    write(folder / "scans" / "sub-02_T1w.nii.gz", np.zeros(SHAPE, np.int16))
    reasons = []
    for scan in found(folder)[:2]:
        with pytest.raises(Exception, match="not finite|empty") as error:
            prepare_scan(scan, Prepare(size=16))
        reasons.append(str(error.value).split(":")[0])
    assert reasons == ["not finite", "empty"]


def test_an_unusable_lesion_is_the_reason_that_its_scan_is_left_out(folder):
    for path in (folder / "lesions").iterdir():
        write(path, ball() * 0, MNI_AFFINE)
    with pytest.raises(QualityError, match="^lesion is empty: .*lesion.* marks no voxel; remove it$"):
        prepare_scan(found(folder)[0], Prepare(size=16))


def test_missing_folders_and_other_contrasts_are_refused(folder, tmp_path_factory):
    with pytest.raises(InputError, match=r"modality.*'FLAIR'.*T1w"):
        found(folder, modality="FLAIR")
    for path in (folder / "lesions").iterdir():
        path.rename(path.with_suffix(".txt"))
    with pytest.raises(InputError, match="lesions: no lesion masks found"):
        found(folder)
    for missing in ("lesions", "scans"):
        (folder / missing).rename(tmp_path_factory.mktemp("elsewhere") / missing)
        with pytest.raises(InputError, match=f"{missing}: no such folder"):
            found(folder)
        (folder / missing).mkdir()


@pytest.mark.data
def test_real_lesions_in_real_scans(tmp_path, real_scans):
    for name, files, n in (("scans", "ixi/*.nii.gz", 2), ("lesions", "lesions/lesymap/*.nii.gz", 4)):
        (tmp_path / name).mkdir()
        for path in sorted(real_scans.glob(files))[:n]:
            (tmp_path / name / path.name).symlink_to(path)
    scans = found(tmp_path)
    assert len(scans) == 2
    for scan in scans:
        lesion, before = voxels(scan.lesion_mask()) > 0, voxels(nibabel.load(scan.image)).astype(float)
        after, brain = voxels(scan.load()[0]), before > 0
        ml = np.count_nonzero(voxels(nibabel.load(scan.lesion))) / 1000
        assert 0.4 < lesion.sum() * 0.008 / ml < 1.0  # MNI152's brain is larger than most
        assert after[lesion].mean() < 0.6 * np.median(before[brain])
        side = np.argwhere(lesion).mean(0)[0] > np.argwhere(brain).mean(0)[0]
        assert side == scan.mirrored  # LESYMAP's are on the left
        assert prepare_scan(scan, Prepare(size=32)).cube.any()
