"""Volumes that are not what one thinks are told: enlarged ones, and those that a pattern leaves out."""

import shutil

import nibabel
import numpy as np
import pytest
from folders import fill, read
from scans import scan_of, write

from alphagan.preparation.resample import prepare_scan
from alphagan.report.doubts import doubts
from alphagan.report.options import Folders
from alphagan.settings.sections import Prepare


def test_volumes_of_fewer_voxels_than_the_cube_are_told(tmp_path):
    real, generated = fill(tmp_path / "real", range(8)), tmp_path / "generated"
    generated.mkdir()
    for path in sorted(real.iterdir())[:4]:
        image = nibabel.load(path)
        step = -(-max(image.shape) // 15)
        small = np.asarray(image.dataobj)[::step, ::step, ::step]
        affine = image.affine @ np.diag([step, step, step, 1])
        nibabel.save(nibabel.Nifti1Image(small, affine), generated / path.name.replace("sub-", "g"))
    lines = doubts(read(Folders(real, generated, size=16), tmp_path / "work"))
    (told,) = [line for line in lines if "were enlarged to 16, which made up detail" in line]
    assert told.startswith("generated: 4 of 4 scans, such as g")


@pytest.mark.parametrize(("length", "told"), [(1.0, False), (1.2, True)])
def test_sizes_are_compared_as_cubes_whose_edges_count_whole(tmp_path, length, told):
    """Other people of the same size, given as cubes: their scans have a fifth less by voxels that are not 0."""
    real, others = fill(tmp_path / "real", range(6)), fill(tmp_path / "others", range(300, 304))
    cubes = tmp_path / "cubes"
    for path in sorted(others.iterdir()):
        found = prepare_scan(scan_of(path), Prepare(size=16))
        write(cubes / path.name, found.cube, found.affine @ np.diag([length, length, length, 1]))
    sides = read(Folders(real, cubes, size=16), tmp_path / "work")
    assert any("size is not compared" in line for line in doubts(sides)) == told
    assert sides["generated"].median_ml / sides["real"].median_ml == pytest.approx(length**3, rel=0.1)


def test_a_tab_in_a_name_stops_nothing(tmp_path):
    real, generated = fill(tmp_path / "real", range(8)), fill(tmp_path / "generated", range(300, 304), "g{}.nii")
    first = next(generated.iterdir())
    first.rename(generated / "g\t1.nii")
    assert len(read(Folders(real, generated, size=16), tmp_path / "work")["generated"].volumes.array) == 4


def test_volumes_that_do_not_fit_the_pattern_are_counted(tmp_path):
    real, generated = fill(tmp_path / "real", range(8)), fill(tmp_path / "generated", range(300, 306), "g{}.nii")
    (generated / "more").mkdir()
    for path in sorted(generated.glob("*.nii"))[:3]:
        shutil.copy(path, generated / "more" / path.name)
    for pattern, told in (("more/{subject}.nii", True), ("**/{subject}.nii", False)):
        sides = read(Folders(real, generated, size=16, generated_pattern=pattern), tmp_path / f"work {told}")
        found = [
            line
            for line in doubts(sides)
            if line == "generated: 6 of 9 files do not fit the pattern, and were passed over"
        ]
        assert len(found) == told


@pytest.mark.parametrize(
    ("name", "words"),
    [("g{}_rec.nii", "those people once more, and nobody new"), ("step-{:04d}.nii", "no random ones"), ("g{}.nii", "")],
)
def test_scans_given_back_and_walks_are_told_as_what_they_are(tmp_path, name, words):
    real, generated = fill(tmp_path / "real", range(8)), fill(tmp_path / "generated", range(300, 304), name)
    sides = read(Folders(real, generated, size=16), tmp_path / "work")
    lines = [line for line in doubts(sides) if "are called as" in line]
    assert len(lines) == bool(words)
    assert all(line.startswith("generated: 4 of 4 files") and words in line for line in lines)


@pytest.mark.parametrize(("n", "n_real", "told"), [(9, 20, True), (10, 20, False), (10, 18, True)])
def test_too_few_for_a_verdict_are_told(tmp_path, n, n_real, told):
    """Without training scans half of the real people are compared with."""
    real = fill(tmp_path / "real", range(n_real))
    generated = fill(tmp_path / "generated", range(300, 300 + n), "g{}.nii")
    lines = doubts(read(Folders(real, generated, size=16), tmp_path / "work"))
    said = f"{n} generated volumes, {n_real // 2} real people: of fewer than 10 there is no verdict"
    assert (said in lines) == told and any("no verdict" in line for line in lines) == told
