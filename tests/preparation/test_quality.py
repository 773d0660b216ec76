"""What is no skull-stripped brain is refused with a reason."""

import numpy as np
import pytest
from scans import head, scan_of, write

from alphagan.preparation.quality import QualityError, unusual
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.sections import Prepare


def test_a_brain_larger_than_the_field_of_view_is_refused(tmp_path):
    path = write(tmp_path / "a.nii", head())
    with pytest.raises(QualityError, match="larger than the field of view: 136 mm long, field_of_view_mm is 130"):
        prepare_scan(scan_of(path), Prepare(fit="pad", field_of_view_mm=130.0))


@pytest.mark.data
def test_whole_head_with_its_mask_is_the_stripped_scan(real_scans):
    image = real_scans / "messy" / "IXI013-HH-1212_T1_wholehead_PSR_uint8_scaled.nii.gz"
    mask = real_scans / "messy" / "IXI013-HH-1212_brainmask_2mm_cropped.nii.gz"
    masked = prepare_scan(scan_of(image, mask), Prepare(fit="pad"))
    stripped = prepare_scan(scan_of(real_scans / "ixi" / "IXI013-HH-1212_T1w.nii.gz"), Prepare(fit="pad"))
    np.testing.assert_allclose(masked.affine, stripped.affine, atol=2)  # the grids differ by up to half a voxel
    assert np.corrcoef(masked.cube.ravel(), stripped.cube.ravel())[0, 1] > 0.99


def test_notes_name_the_folder_where_all_files_are_called_alike(tmp_path):
    table, note = tmp_path / "qc.csv", "specks: 3 voxels lie apart from the brain, left out"
    for names, shown in ((("a/brain.nii", "b/brain.nii"), "b/brain.nii"), (("a/one.nii", "b/two.nii"), "two.nii")):
        rows = [f"{names[0]},yes,,", f'{names[1]},yes,,"{note}"']
        table.write_text("\n".join(["source,kept,reason,note", *rows]) + "\n")
        assert unusual(table) == [f"1 of 2 scans, such as {shown}: {note}"]
