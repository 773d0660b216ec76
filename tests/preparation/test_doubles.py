"""One scan under two names is one, also where it was rounded otherwise; scans that are alike are not."""

import nibabel
import numpy as np
from scans import config_for, head, write

from alphagan.preparation.doubles import doubles, landmark, shared
from alphagan.preparation.prepare import prepare
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes


def cubes(n, size=16, seed=0):
    """Brains that differ by some levels in most voxels, as scans of one person do, and every other one rounded anew."""
    rng = np.random.default_rng(seed)
    base = rng.integers(20, 230, (size, size, size))
    different = np.clip(base + rng.normal(0, 4, (n, size, size, size)), 3, 252)
    different[1::2] = different[::2] + rng.integers(-2, 3, different[::2].shape)
    return different.round().astype(np.uint8)


def test_doubles_are_those_of_a_comparison_of_every_pair():
    found = cubes(24)
    found[20] = found[3]
    apart = np.abs(found[:, None].astype(int) - found[None]).max((2, 3, 4))
    expected = {}
    for j in range(len(found)):
        before = [i for i in range(j) if apart[i, j] <= 2 and i not in expected]
        if before:
            expected[j] = before[0]
    assert doubles([landmark(cube) for cube in found], found.__getitem__) == expected
    assert expected.keys() >= set(range(1, 20, 2))  # the pairs, and no two of different ones
    assert 20 in expected and all(i not in expected for i in range(0, 20, 2))


def test_what_two_folders_share_is_found_from_either_side():
    found = cubes(12)
    assert shared(found[1::2], found[::2]) == {row: row for row in range(6)}
    assert shared(found[:4:2], found[4:]) == {}


def test_one_voxel_that_differs_makes_two_scans():
    (one, _), size = cubes(2), 16
    other = one.copy()
    other[size // 2, 3, 5] ^= 64  # a small lesion
    assert doubles([landmark(one), landmark(other)], [one, other].__getitem__) == {}


def test_a_scan_that_was_converted_otherwise_is_left_out_under_another_name(tmp_path):
    for person in range(4):
        write(tmp_path / "raw" / f"sub-{person}.nii", head(person))
    image = nibabel.load(tmp_path / "raw" / "sub-1.nii")
    values = np.asarray(image.dataobj, dtype=np.float32)
    coarse = np.round(values / values.max() * 400).astype(np.int16)  # where a sixteenth of the levels is left
    nibabel.save(nibabel.Nifti1Image(coarse, image.affine), tmp_path / "raw" / "sub-9.nii")
    folder = prepare("study", config_for(tmp_path / "raw", "sub-{subject}.nii"), Paths(tmp_path), progress=False)
    assert Volumes(folder).people(range(4)) == ["0", "1", "2", "3"]
    assert f"duplicate: same voxels as {tmp_path / 'raw' / 'sub-1.nii'}" in (folder / "qc.csv").read_text()
