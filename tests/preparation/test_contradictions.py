"""Files that contradict one another, or the folders that they lie in, are told."""

import gzip

import layouts
import pytest
from scans import head, write

from alphagan.__main__ import main
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.cohorts.check import check


def lines(folder, kind="nifti", **keys):
    report = check(layouts.cohort({"kind": kind, "source": str(folder)} | keys))
    assert report.as_expected
    return list(report.doubts)


@pytest.mark.parametrize(("kind", "ending"), [("nifti", "nii"), ("bids", "nii"), ("nifti", "img")])
def test_a_packed_file_that_holds_something_else_is_told(tmp_path, kind, ending):
    for name, content in (("sub-01", b"another"), ("sub-02", b"the same")):
        layouts.tree(tmp_path, f"{name}_T1w.{ending}").joinpath(f"{name}_T1w.{ending}").write_bytes(b"the same")
        (tmp_path / f"{name}_T1w.{ending}.gz").write_bytes(gzip.compress(content))
    (line,) = lines(tmp_path, kind)
    assert "passed over" in line and "1 files" in line and f"such as {tmp_path / f'sub-01_T1w.{ending}.gz'}" in line
    (tmp_path / f"sub-01_T1w.{ending}.gz").write_bytes(gzip.compress(b"the same")[:-9])  # cut short
    assert "1 files" in lines(tmp_path, kind)[0]
    (tmp_path / f"sub-01_T1w.{ending}.gz").write_bytes(gzip.compress(b"the same and more"))
    assert "1 files" in lines(tmp_path, kind)[0]
    (tmp_path / f"sub-01_T1w.{ending}.gz").unlink()
    assert lines(tmp_path, kind) == []


@pytest.mark.parametrize("kind", ["nifti", "bids"])
@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("sub-03/anat/sub-04_T1w.nii", "sub-04 in sub-03"),
        ("sub-05/ses-1/anat/sub-05_ses-2_T1w.nii", "ses-2 in ses-1"),
        ("sub-05/ses-2/sub-05_ses-02_T1w.nii", None),
        ("sub-05/anat/sub-05_run-1_T1w.nii", None),
    ],
)
def test_a_folder_that_disagrees_with_the_name_is_told(tmp_path, kind, file, told):
    raw = layouts.tree(tmp_path / "sub-99" / "raw", file, "sub-01/anat/sub-01_T1w.nii")
    found = lines(raw, kind)
    assert len(found) == (told is not None)
    assert not told or (f"1 files are in the folder of another person or session, such as {file}: {told}" in found[0])
    assert len(find_scans(layouts.cohort({"kind": kind, "source": str(raw)}))) == 2


def test_prepare_tells_them(tmp_path, capsys, monkeypatch):
    write(tmp_path / "raw/sub-03/sub-04_T1w.nii", head(1))
    (tmp_path / "raw/sub-03/sub-04_T1w.nii.gz").write_bytes(gzip.compress(b"another"))
    sections = "experiments: {}, prepare: {size: 16, workers: 1}"
    text = f"{{cohorts: {{mine: {{kind: nifti, source: {tmp_path / 'raw'}}}}}, {sections}}}"
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", "mine"]) == 0
    said = capsys.readouterr().err
    assert "mine: passed over, as the name is taken without .gz" in said and "sub-04 in sub-03" in said
