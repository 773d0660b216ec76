import gzip
import os
import shutil

import layouts
import nibabel
import numpy as np
import pytest
from likeness import likeness

from alphagan.errors import InputError
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.cohorts.atlas import find
from alphagan.preparation.quality import QualityError
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.cohorts import AtlasCohort
from alphagan.settings.sections import Prepare

R2_NAME = "sub-r001s001_ses-1_space-MNI152NLin2009aSym"
R2 = f"Training/R001/sub-r001s001/ses-1/anat/{R2_NAME}_T1w.nii"


def atlas(folder, **keys):
    return AtlasCohort(kind="atlas", source=str(folder), **keys)


def segmented(*images):
    """Files of a scan, with the tissue maps that SPM writes beside it."""
    files = list(images)
    for image in images:
        place, _, name = image.rpartition("/")
        files += [f"{place}/c{k}{name.removesuffix('.gz')}" for k in (1, 2, 3)]
    return files


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("Site1/031768/t01/031768_t1w_deface_stx.nii.gz", ("031768", "t01", "R1.1", "Site1")),
        ("ATLAS_R1.1/Site9/031900/t02/031900_t1w_stx.nii.gz", ("031900", "t02", "R1.1", "Site9")),
        ("Site1/031768/t01/031768_t1w.nii", ("031768", "t01", "R1.1", "Site1")),
        ("c0001/c0001s0004t01/c0001s0004t01_t1w_stx.nii.gz", ("c0001s0004", "t01", "R1.2", "c0001")),
        (R2, ("r001s001", "1", "R2.0", "R001")),
        (f"{R2.replace('Training', 'Testing')}.gz", ("r001s001", "1", "R2.0", "R001")),
    ],
)
def test_every_release_has_its_names(tmp_path, image, expected):
    layouts.tree(tmp_path, *segmented(image))
    (scan,) = find(atlas(tmp_path))
    assert (scan.subject, scan.session, scan.release, scan.site) == expected
    assert [path.name[:2] for path in scan.tissues] == ["c1", "c2", "c3"]


def test_time_points_are_sessions_of_one_person(tmp_path):
    layouts.tree(tmp_path, *(file for t in (1, 2) for file in segmented(f"Site1/031916/t0{t}/031916_t1w_stx.nii")))
    assert [(scan.subject, scan.session) for scan in find(atlas(tmp_path))] == [("031916", "t01"), ("031916", "t02")]
    (tmp_path / "Site1/031916/t01/c2031916_t1w_stx.nii").unlink()
    assert [scan.session for scan in find(atlas(tmp_path, sessions=["t02"]))] == ["t02"]
    with pytest.raises(InputError, match="no session t03, only t01, t02; change sessions"):
        find(atlas(tmp_path, sessions=["t03"]))


def test_lesion_masks_and_what_spm_writes_are_no_scans(tmp_path):
    folder, r2 = "Site1/031768/t01", R2.rpartition("/")[0]
    name = "031768_t1w_deface_stx.nii"
    layouts.tree(tmp_path, *segmented(f"{folder}/{name}.gz", f"{R2}.gz"))
    layouts.tree(tmp_path, *(f"{folder}/031768_LesionSmooth_{k}stx.nii.gz" for k in ("", "1_", "2_")))
    layouts.tree(tmp_path, *(f"{folder}/{prefix}{name}" for prefix in ("m", "wc1", "rc1", "y_", "c4", "c5", "T1w_p")))
    layouts.tree(tmp_path, f"{r2}/{R2_NAME}_label-L_desc-T1lesion_mask.nii.gz", f"{r2}/m{R2_NAME}_T1w.nii")
    layouts.tree(tmp_path, "Site1/031768/t01/031999_t1w_deface_stx.nii.gz")  # not the person of its folder
    assert {scan.image.name for scan in find(atlas(tmp_path))} == {f"{name}.gz", f"{R2_NAME}_T1w.nii.gz"}


def test_a_scan_that_was_uncompressed_for_spm_is_one_scan(tmp_path):
    image = "Site1/031768/t01/031768_t1w_deface_stx.nii"
    layouts.tree(tmp_path, *segmented(image), f"{image}.gz", *segmented(R2), f"{R2}.gz")
    assert {scan.image.name for scan in find(atlas(tmp_path))} == {"031768_t1w_deface_stx.nii", f"{R2_NAME}_T1w.nii"}


def test_of_several_versions_the_one_that_was_segmented_is_meant(tmp_path):
    layouts.tree(tmp_path, *segmented("Site1/1/t01/1_t1w_deface_stx.nii.gz"), "Site1/1/t01/1_t1w_brain.nii.gz")
    (scan,) = find(atlas(tmp_path))
    assert scan.image.name == "1_t1w_deface_stx.nii.gz"
    layouts.tree(tmp_path, *segmented("Site1/1/t01/1_t1w_brain.nii.gz"))
    with pytest.raises(InputError, match="subject 1, session t01 has another T1w"):
        find(atlas(tmp_path))


def test_scans_without_tissue_maps_are_all_counted_and_the_first_named(tmp_path):
    for k in range(1, 8):
        layouts.tree(tmp_path, *segmented(f"Site1/{k}/t01/{k}_t1w_stx.nii.gz"))
    for k in (2, 3, 4, 5):
        (tmp_path / f"Site1/{k}/t01/c{2 + k % 2}{k}_t1w_stx.nii").unlink()
    with pytest.raises(InputError) as refusal:
        find(atlas(tmp_path))
    message = str(refusal.value)
    assert "4 of 7 scans lack tissue maps of SPM12" in message and "data/README.md" in message
    assert "Site1/2/t01/c22_t1w_stx.nii, Site1/3/t01/c33_t1w_stx.nii, Site1/4/t01/c24_t1w_stx.nii, ...;" in message


def test_a_folder_without_scans_is_refused(tmp_path):
    layouts.tree(tmp_path, "Site1/031768/t01/031768_LesionSmooth_stx.nii.gz")
    with pytest.raises(InputError, match="no \\*_t1w\\*\\.nii\\.gz \\(R1\\) or"):
        find(atlas(tmp_path))
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find(atlas(tmp_path / "nowhere"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas")
    return {release: layouts.atlas(folder / release, n=2, release=release) for release in ("R1.1", "R2.0")}


@pytest.mark.parametrize("release", ["R1.1", "R2.0"])
def test_brain_is_where_the_tissues_add_up(written, release):
    scan = find_scans(layouts.cohort(written[release]))[0]
    image, mask = scan.load()
    maps = [nibabel.load(path).get_fdata() for path in scan.tissues]
    np.testing.assert_array_equal(mask.get_fdata(), sum(maps) > 0.5)
    assert np.count_nonzero(image.get_fdata()) > 1.5 * mask.get_fdata().sum()  # a whole head
    right, turned = likeness(scan, 0)
    assert right > 0.97 and right > turned + 0.02


def test_the_threshold_decides_what_is_brain(written):
    volumes = [
        prepare_scan(find_scans(layouts.cohort(written["R1.1"], tissue_threshold=threshold))[0], Prepare(size=16))
        for threshold in (0.1, 0.5, 0.9)
    ]
    assert volumes[0].brain_ml > volumes[1].brain_ml > volumes[2].brain_ml > 500


def test_packed_tissue_maps_are_read_too(written, tmp_path):
    folder = shutil.copytree(written["R1.1"]["source"], tmp_path / "raw")
    before = find_scans(layouts.cohort(written["R1.1"]))[1].load()[1].get_fdata()
    for path in folder.glob("*/*/t01/c*.nii"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    after = find_scans(layouts.cohort(written["R1.1"], source=str(folder)))[1].load()[1].get_fdata()
    np.testing.assert_array_equal(before, after)


def test_the_fingerprint_covers_all_files_and_the_threshold(written, tmp_path):
    folder = shutil.copytree(written["R2.0"]["source"], tmp_path / "raw")
    section = written["R2.0"] | {"source": str(folder)}
    scan = find_scans(layouts.cohort(section))[0]
    seen = {scan.fingerprint(), find_scans(layouts.cohort(section, tissue_threshold=0.4))[0].fingerprint()}
    for path in (scan.image, *scan.tissues):
        os.utime(path, (1, 1))
        seen.add(find_scans(layouts.cohort(section))[0].fingerprint())
    assert len(seen) == 6


def test_tissue_maps_of_another_grid_are_refused_with_their_name(written, tmp_path):
    folder = shutil.copytree(written["R1.1"]["source"], tmp_path / "raw")
    scan = find_scans(layouts.cohort(written["R1.1"], source=str(folder)))[0]
    other = nibabel.load(scan.tissues[1])
    nibabel.Nifti1Image(np.asarray(other.dataobj)[:-1], other.affine).to_filename(scan.tissues[1])
    with pytest.raises(QualityError, match="c2031768_t1w_deface_stx.nii is on another grid than c1"):
        prepare_scan(scan, Prepare(size=16))


def test_tissue_maps_that_are_no_probabilities_are_refused(written, tmp_path):
    folder = shutil.copytree(written["R1.1"]["source"], tmp_path / "raw")
    scan = find_scans(layouts.cohort(written["R1.1"], source=str(folder)))[0]
    grey = nibabel.load(scan.tissues[0])
    nibabel.Nifti1Image(np.float32(255) * np.asarray(grey.dataobj), grey.affine).to_filename(scan.tissues[0])
    with pytest.raises(QualityError, match="c1031768_t1w_deface_stx.nii reaches 246, and probabilities 1; write it"):
        prepare_scan(scan, Prepare(size=16))
