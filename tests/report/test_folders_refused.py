"""Bad input is told in one line with exit status 2, and nothing is left half-written."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from folders import fill, person, read
from scans import SHAPE, write

from alphagan.__main__ import main
from alphagan.errors import InputError, TooFewError
from alphagan.report.measure import _generated, doubts
from alphagan.report.options import Folders, from_options


def run(tmp_path, capsys, *arguments):
    """Error of a command that must fail, and leave nothing behind."""
    before = sorted(tmp_path.rglob("*"))
    assert main(["evaluate", *map(str, arguments)]) == 2
    assert sorted(tmp_path.rglob("*")) == before
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("alphagan: error: ")
    return error


def test_someone_in_both_folders_is_refused(real, generated, tmp_path, capsys):
    train = fill(tmp_path / "train", [50, 200])
    options = ["--real", real, "--generated", generated, "--train", train, "--size", "16", "-o", tmp_path / "out"]
    error = run(tmp_path, capsys, *options)
    assert "subject 200 is in" in error and "where equal names are different people, add --different-people" in error


def test_equal_names_can_be_those_of_different_people(real, generated, tmp_path):
    train = fill(tmp_path / "train", [50, 51], "p{:03d}.nii", file_numbers=[200, 201])
    folders = Folders(real, generated, train, size=16, pattern="sub-{subject}_T1w.nii", train_pattern="p{subject}.nii")
    with pytest.raises(InputError, match="subject 200 is in"):
        read(folders, tmp_path / "work")
    sides = read(replace(folders, different_people=True), tmp_path / "work")
    assert sides["train"].volumes.people([0, 1]) == ["200", "201"]
    fill(train, [202], "p{:03d}.nii")
    with pytest.raises(InputError, match=r"sub-202_T1w\.nii: same voxels as .*p202\.nii"):
        read(replace(folders, different_people=True), tmp_path / "again")


def test_the_same_scan_under_two_names_is_refused(real, generated, tmp_path):
    train = fill(tmp_path / "train", [200, 51], file_numbers=[50, 51])
    with pytest.raises(InputError, match="sub-200_T1w.nii: same voxels as .*sub-050_T1w.nii"):
        read(Folders(real, generated, train, size=16), tmp_path / "work")


def test_a_background_that_cannot_be_told_is_refused_with_the_option_that_tells_it(real, tmp_path):
    for number in range(2):
        noise = np.random.default_rng(number).normal(0, 0.3, SHAPE)
        write(tmp_path / f"gen/{number}.nii", (person(number) / 2000 - 1 + noise).astype(np.float32))
    with pytest.raises(InputError, match="none of its 2 scans .* the option for generated volumes is --background"):
        read(Folders(real, tmp_path / "gen", size=16), tmp_path / "work")
    sides = read(Folders(real, tmp_path / "gen", size=16, background=-0.6), tmp_path / "again")
    assert len(sides["generated"].volumes.array) == 2


def test_what_reconstruct_wrote_is_not_taken_for_generated_brains(real, tmp_path, capsys):
    for kind in ("prepared", "rec", "error"):
        fill(tmp_path / "given back", range(300, 303), f"sub-{{:03d}}_T1w_{kind}.nii.gz")
    options = ["--real", real, "--generated", tmp_path / "given back", "--size", "16", "-o", tmp_path / "out"]
    error = run(tmp_path, capsys, *options)
    assert "holds what `alphagan reconstruct` wrote" in error
    pattern = error.split("--generated-pattern '")[1].split("'")[0]
    folders = Folders(real, tmp_path / "given back", size=16, generated_pattern=pattern)
    assert len(read(folders, tmp_path / "work")["generated"].volumes.array) == 3


def test_samples_among_real_scans_are_refused_and_compared_where_all_are(real, generated, tmp_path, capsys):
    mixed = fill(tmp_path / "mixed", [1, 2, 3])
    fill(mixed / "drawn", [4, 5, 6, 7], "sample-{:04d}.nii.gz")
    (mixed / "drawn" / "samples.json").write_text("{}")
    options = ["--generated", generated, "--size", "16", "-o", tmp_path / "out"]
    error = run(tmp_path, capsys, "--real", mixed, *options)
    said = "sample-0004.nii.gz: alphagan sample wrote it, and 3 more of the 7 files of --real; take them out"
    assert said in error
    assert "of the 7 files of --train" in run(tmp_path, capsys, "--real", real, "--train", mixed, *options)
    sides = read(Folders(mixed / "drawn", generated, size=16), tmp_path / "work")  # one model beside another
    assert len(sides["real"].volumes.array) == 4


def test_people_who_were_drawn_at_several_ages_are_counted_once(real, tmp_path):
    for age, numbers in ((25, [300, 301, 302]), (70, [310, 311, 312])):
        folder = fill(tmp_path / f"ages/{age}", numbers, "sample-{:04d}.nii.gz", file_numbers=[0, 1, 2])
        (folder / "samples.json").write_text(f'{{"seed": 0, "weights_sha256": "a", "covariates": {{"age": {age}}}}}')
    for pattern in (None, "{session}/{subject}.nii.gz"):
        folders = Folders(real, tmp_path / "ages", size=16, generated_pattern=pattern)
        sides = read(folders, tmp_path / f"work {pattern is None}")
        assert any("generated: 3 people in 6 volumes" in line for line in doubts(sides))
        people = _generated(sides["generated"]).people
        assert sorted(Counter(people).values()) == [2, 2, 2]


def test_samples_of_two_models_side_by_side_are_as_many_people(real, tmp_path):
    for name, numbers in (("one", [300, 301, 302]), ("two/deeper", [310, 311, 312])):
        folder = fill(tmp_path / f"models/{name}", numbers, "sample-{:04d}.nii.gz", file_numbers=[0, 1, 2])
        (folder / "samples.json").write_text(f'{{"seed": 0, "weights_sha256": "{name}"}}')
    generated = read(Folders(real, tmp_path / "models", size=16), tmp_path / "work")["generated"]
    assert len(generated.volumes.array) == 6 and _generated(generated).people is None


@pytest.mark.parametrize(
    "form",
    ["sub-001_ses-{:02d}_T1w.nii", "sub-1/ses-{0:02d}/anat/sub-1_ses-{0:02d}_T1w.nii", "sub-1_run-{}_T1w.nii"],
)
def test_generated_volumes_that_are_all_read_as_one_person_are_refused_with_a_cure(real, tmp_path, capsys, form):
    folder = fill(tmp_path / "drawn", range(300, 304), form, file_numbers=range(4))
    options = ["--real", real, "--generated", folder, "--size", "16", "-o", tmp_path / "out"]
    error = run(tmp_path, capsys, *options)
    assert f"{folder}: all 4 files were read as sessions of one person, " in error
    pattern = error.split("--generated-pattern '")[1].split("'")[0]
    folders = Folders(real, folder, size=16, generated_pattern=pattern)
    people = _generated(read(folders, tmp_path / "work")["generated"]).people
    assert people is None  # each is somebody


def test_a_pattern_that_makes_all_one_person_is_refused_before_anything_is_prepared(real, tmp_path):
    folder = fill(tmp_path / "drawn", range(300, 304), "all[1]_{}.nii", file_numbers=range(4))
    folders = Folders(real, folder, size=16, generated_pattern="{subject}_{session}.nii")
    with pytest.raises(TooFewError, match="one person, all.*give --generated-pattern with {subject} at the part"):
        read(folders, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_one_person_is_too_few_where_the_others_are_left_out(real, tmp_path, monkeypatch):
    folder = fill(tmp_path / "drawn", [300, 301], "sub-1_ses-{}_T1w.nii")
    (folder / "sub-2_ses-1_T1w.nii").write_text("not a scan")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TooFewError, match=r"^drawn: all 2 files were read .* person, 1; .* 'sub-1_ses-{subject}_T1w"):
        read(Folders(real, Path("drawn"), size=16), tmp_path / "work")


def test_one_person_at_several_ages_is_too_few(real, tmp_path):
    for age, number in ((25, 300), (70, 301)):
        folder = fill(tmp_path / f"ages/{age}", [number], "sample-{:04d}.nii.gz", file_numbers=[0])
        (folder / "samples.json").write_text('{"seed": 0, "weights_sha256": "a"}')
    folders = Folders(real, tmp_path / "ages", size=16, generated_pattern="{session}/{subject}.nii.gz")
    with pytest.raises(TooFewError, match="ages: all 2 files are sample 0 of seed 0, .*draw more with alphagan sample"):
        read(folders, tmp_path / "work")


def test_a_cohort_is_evaluated_as_ever():
    assert from_options("normal", {"cohort": "normal", "params": Path("params.yaml"), "real": None}) is None


def test_volumes_that_were_left_out_are_told(real, generated, tmp_path):
    told = doubts(read(Folders(real, generated, size=16), tmp_path / "work"))
    assert any(line.startswith("generated: 1 of 23 files were left out, such as g999.nii: unreadable") for line in told)
