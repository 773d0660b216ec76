"""Every change of what lies in a source changes its list, also behind links."""

import os

import layouts
import pytest
from scans import rows_of

from alphagan.preparation.manifest import write_manifests
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths


@pytest.fixture
def listed(tmp_path):
    """A function that lists the folder `raw` anew: file to hash."""

    def again():
        cohort = {"kind": "nifti", "source": str(tmp_path / "raw")}
        folder = write_manifests(parse({"cohorts": {"mine": cohort}, "experiments": {}}), Paths(tmp_path))
        return {row["file"]: row["sha256"] for row in rows_of(folder / "mine.csv")}

    (tmp_path / "raw").mkdir()
    return again


def test_a_change_behind_a_link_is_seen(tmp_path, listed):
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "a.nii").write_text("first")
    (tmp_path / "raw" / "ann").symlink_to(disk)
    before = listed()
    assert list(before) == ["ann/a.nii"] and listed() == before
    (disk / "a.nii").write_text("second")
    (disk / "b.nii").write_text("third")
    after = listed()
    assert list(after) == ["ann/a.nii", "ann/b.nii"] and after["ann/a.nii"] != before["ann/a.nii"]


def test_links_to_nothing_and_names_that_are_no_utf_8_are_lines_like_others(tmp_path, listed):
    (tmp_path / "raw" / "lost.nii").symlink_to(tmp_path / "nowhere")
    open(os.fsencode(tmp_path / "raw") + b"/\xe4.nii", "wb").close()
    found = listed()
    assert found.pop("lost.nii") == "-"
    assert list(found) == [r"\udce4.nii"]
    (tmp_path / "nowhere").write_text("fetched")
    assert listed()["lost.nii"] != "-"


@pytest.mark.parametrize("absolute", [False, True])
def test_masks_beside_the_source_are_listed(tmp_path, absolute):
    layouts.tree(tmp_path, "heads/01.nii", "masks/01.nii", "masks/02.nii")
    pattern = f"{tmp_path if absolute else '..'}/masks/{{subject}}.nii"
    cohort = {"kind": "nifti", "source": str(tmp_path / "heads"), "pattern": "{subject}.nii", "mask_pattern": pattern}
    config, hashes = parse({"cohorts": {"mine": cohort}, "experiments": {}}), []
    for content in ("one", "other"):
        (tmp_path / "masks/01.nii").write_text(content)
        rows = rows_of(write_manifests(config, Paths(tmp_path)) / "mine.csv")
        assert [row["file"][-12:] for row in rows] == ["01.nii", "masks/01.nii"]
        hashes.append([row["sha256"] for row in rows])
    assert hashes[0][0] == hashes[1][0] and hashes[0][1] != hashes[1][1]


def test_a_missing_source_is_left_for_preparation_to_refuse(tmp_path, listed):
    (tmp_path / "raw").rmdir()
    (line,) = listed()
    assert "no such folder" in line


def test_a_file_is_read_once(tmp_path, listed, monkeypatch):
    (tmp_path / "raw" / "a.nii").write_text("content")
    before = listed()
    monkeypatch.setattr("hashlib.file_digest", None)
    assert listed() == before


def test_one_file_as_source(tmp_path):
    (tmp_path / "code.py").write_text("x")
    cohort = {"kind": "template", "source": str(tmp_path / "code.py")}
    folder = write_manifests(parse({"cohorts": {"normal": cohort}, "experiments": {}}), Paths(tmp_path))
    assert [row["file"] for row in rows_of(folder / "normal.csv")] == ["."]
