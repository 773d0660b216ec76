"""A scan that is given back is read as those of the run's cohort were, and lies where it lay, on its background."""

import json
import shutil

import nibabel
import numpy as np
import pytest
from factories import tiny_settings
from trainings import trained

import alphagan
from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.generation.reconstruction import UNKNOWN, prepared_scan, reconstruct
from alphagan.preparation.cohorts import Scan
from alphagan.settings.sections import Cube

CUBE = Cube(size=16)
AFFINE = np.diag([4.0, 4, 4, 1]) + np.array([[0, 0, 0, -80.0], [0, 0, 0, -100], [0, 0, 0, -70], [0, 0, 0, 0]])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    settings = tiny_settings(iterations=2).model_copy(update={"prepare": CUBE, "modality": "T1w"})
    return trained(tmp_path_factory.mktemp("root"), settings)


@pytest.fixture
def run(root):
    return alphagan.load(root / "run")


def brain():
    """No two directions of it are alike; (40, 48, 36), background 0."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (40, 48, 36)), indexing="ij")
    values = 200 + 60 * x + 80 * y * (y > 0) + 100 * z**2 * (z > 0)
    return np.where(x**2 + y**2 + z**2 < 0.7, values, 0).astype(np.float32)


def put(folder, values, affine=AFFINE, name="scan"):
    folder.mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), folder / f"{name}.nii.gz")
    return folder / f"{name}.nii.gz"


def test_orientation_and_background_are_those_of_the_cohort(tmp_path):
    plain = prepared_scan(put(tmp_path, brain()), CUBE)
    turned = put(tmp_path, brain()[::-1, ::-1], name="turned")
    like = Scan("", "", "T1w", UNKNOWN.image, orientation="LPS")
    np.testing.assert_array_equal(prepared_scan(turned, CUBE, like).cube, plain.cube)
    assert (prepared_scan(turned, CUBE).cube != plain.cube).any()
    lifted = put(
        tmp_path, brain() + np.where(brain() > 0, 0, 20).astype(np.float32) * (np.indices((40, 48, 36))[0] % 2)
    )
    like = Scan("", "", "T1w", UNKNOWN.image, background=20.0)
    assert (prepared_scan(lifted, CUBE, like).cube > 0).mean() == pytest.approx((plain.cube > 0).mean(), abs=0.01)


def test_a_turned_scan_is_given_back_on_its_own_grid(run, tmp_path):
    like = Scan("", "", "T1w", UNKNOWN.image, orientation="LPS")
    values = brain()[::-1, ::-1]
    given = reconstruct(run, put(tmp_path, values), CUBE, like=like).x_real.get_fdata()
    assert np.corrcoef(given.ravel(), values.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("unit", [0.001, 1000])
def test_scans_in_metres_and_micrometres_come_back(run, tmp_path, unit):
    usual = reconstruct(run, put(tmp_path, brain()), CUBE).x_real.get_fdata()
    affine = np.diag([unit, unit, unit, 1]) @ AFFINE
    given = reconstruct(run, put(tmp_path, brain(), affine, "other"), CUBE).x_real
    np.testing.assert_allclose(given.affine, AFFINE, rtol=1e-6)  # in millimetres, as its header says
    np.testing.assert_allclose(given.get_fdata(), usual, atol=0.5)


def test_a_background_among_the_brain_s_values_stays_what_it_is(run, tmp_path):
    values = brain()
    inside = values > 0
    values[inside] = (values[inside] - values[inside].mean()) / values[inside].std()
    found = reconstruct(run, put(tmp_path, values), CUBE)
    for given in (found.x_real.get_fdata(), found.x_rec.get_fdata()):
        assert given[0, 0, 0] == given[-1, -1, -1] == 0
    assert np.corrcoef(found.x_real.get_fdata().ravel(), values.ravel())[0, 1] > 0.7


def test_values_beyond_float32_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"huge.nii.gz: has values of .*e\+20\d, which float32 cannot hold; divide"):
        prepared_scan(put(tmp_path, brain().astype(float) * 1e200, name="huge"), CUBE)


def test_the_command_reads_how_the_cohort_was_prepared(root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(root / "run", tmp_path / "run")
    folder = tmp_path / "data" / "prepared" / "tiny"
    folder.mkdir(parents=True)
    (folder / "preparation.json").write_text(json.dumps({"orientation": "LPS", "background": None}))
    turned = put(tmp_path / "raw", brain()[::-1, ::-1])
    assert main(["reconstruct", "run", str(turned), "-o", "out"]) == 0
    assert "note: scans are taken as those of the cohort were: orientation LPS (data/prep" in capsys.readouterr().err
    (folder / "preparation.json").write_text("{}")
    assert main(["reconstruct", "run", str(turned), "-o", "plain"]) == 0
    assert "note: scans are taken" not in capsys.readouterr().err
    one, other = (nibabel.load(tmp_path / name / "scan_rec.nii.gz").get_fdata() for name in ("out", "plain"))
    assert (one != other).any()


def test_a_brain_whose_size_is_that_of_no_adult_is_noted_and_given_back(run, tmp_path):
    child = put(tmp_path, brain(), AFFINE @ np.diag([0.7, 0.7, 0.7, 1]))
    assert "ml, where those of adults have 1000 to 2000" in prepared_scan(child, CUBE).note
    assert "ml, where" not in prepared_scan(put(tmp_path, brain()), CUBE).note
    reconstruct(run, child, CUBE)
