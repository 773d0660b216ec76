"""Without --size, folders are compared at the size that a generator made."""

import nibabel
import numpy as np
import pytest

from alphagan.report.options import from_options


@pytest.mark.parametrize(
    ("shape", "size"), [((32, 32, 32), 32), ((16, 16, 16), 16), ((33, 33, 33), 64), ((32, 32, 20), 64), (None, 64)]
)
def test_the_size_is_that_of_generated_cubes_where_a_network_has_it(tmp_path, shape, size):
    generated = tmp_path / "generated"
    generated.mkdir()
    (generated / "samples.json").write_text("{}")
    if shape:
        nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4)), generated / "sample-0000.nii.gz")
    given = {"real": tmp_path, "generated": generated, "output": tmp_path / "out"}
    assert from_options(None, given)[0].size == size
    assert from_options(None, given | {"size": 20})[0].size == 20
