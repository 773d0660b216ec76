"""Visits of one person: FreeSurfer's longitudinal stream, and names that end in a visit."""

import re

import layouts
import pytest
from layouts import freesurfer, who

from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.cohorts.check import check
from alphagan.settings.cohorts import NiftiCohort

STREAM = ("bert_tp1", "bert_tp2", "bert_tp1.long.bert_base", "bert_base", "first.long.anna_base", "carl", "fsaverage")


def subjects_dir(folder, *names):
    return layouts.tree(folder, *(f"{name}/mri/brainmask.mgz" for name in names))


def of_kind(kind, folder):
    return freesurfer(folder) if kind == "freesurfer" else NiftiCohort(kind="nifti", source=str(folder))


@pytest.mark.parametrize("kind", ["nifti", "freesurfer"])
def test_a_longitudinal_stream_is_of_its_people(tmp_path, kind):
    cohort = of_kind(kind, subjects_dir(tmp_path, *STREAM))
    scans = find_scans(cohort)
    assert who(scans) == {("bert", "tp1"), ("bert", "tp2"), ("anna", "first"), ("carl", "")}
    assert {scan.image.parts[-3] for scan in scans} == {"bert_tp1", "bert_tp2", "first.long.anna_base", "carl"}
    (line,) = check(cohort).doubts
    assert "1 base" in line.replace("FreeSurfer's ", "") and "longitudinal (.long.)" in line


def test_what_is_left_out_is_counted_in_one_line(tmp_path):
    (line,) = check(freesurfer(subjects_dir(tmp_path, *STREAM, "fsaverage5"))).doubts
    counted = ("2 FreeSurfer's own (fsaverage)", "1 longitudinal (.long.)", "1 base")
    assert line.startswith("folders left out") and all(what in line for what in counted)
    assert not [*check(freesurfer(subjects_dir(tmp_path / "other", "anna", "bert"))).doubts]


def test_a_visit_beside_its_longitudinal_copy_is_one_scan(tmp_path):
    names = ("bert", "bert.long.bert_base", "ernie", "carl")
    scans = find_scans(of_kind("nifti", subjects_dir(tmp_path / "subjects", *names)))
    assert [scan.subject for scan in scans] == ["bert", "carl", "ernie"]
    folders = ("site/002_S_0295_m12.long.002_S_0295", "site/002_S_0295_m12", "site/002_S_0295")
    scans = find_scans(of_kind("nifti", subjects_dir(tmp_path / "adni", *folders)))
    assert who(scans) == {("002_S_0295", "m12")}


@pytest.mark.parametrize(
    ("kind", "names", "told"),
    [
        ("freesurfer", ("ernie", "ernie_m12", "carl"), "2 of 3 people .* ernie and ernie_m12;"),
        ("freesurfer", ("ernie_m06", "ernie_m12", "carl"), "ernie_m06 and ernie_m12;"),
        ("nifti", ("ernie_bl", "Ernie_m06", "carl"), "Ernie_m06 and ernie;"),
        ("nifti", ("bert", "bert_2", "bert_base", "carl"), "3 of 4 people .* bert and bert_2;"),
        ("nifti", ("site_1", "site_2", "site_3"), None),
        ("nifti", ("carl", "ernie_m12"), None),
        ("freesurfer", ("control", *(f"control_m{k:02d}" for k in range(12))), None),  # men among the controls
    ],
)
def test_names_that_end_in_a_visit_are_told(tmp_path, kind, names, told):
    lines = [line for line in check(of_kind(kind, subjects_dir(tmp_path, *names))).doubts if "second visit" in line]
    assert len(lines) == (told is not None) and (not told or re.search(told, lines[0]))


def test_files_that_end_in_a_visit_are_told(tmp_path):
    raw = layouts.tree(tmp_path, "ernie_bl.nii", "ernie_m06.nii", "carl.nii")
    (line,) = check(of_kind("nifti", raw)).doubts
    assert "2 of 3 people may be another at a second visit: ernie_bl and ernie_m06" in line
