"""Tables of age and sex as people send them: read whatever wrote them, or refused in one line, never guessed."""

import csv

import pytest
import yaml
from refusals import refused
from scans import config_for, digests, head, write

from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.preparation.covariates import of_people
from alphagan.preparation.prepare import prepare
from alphagan.settings.paths import Paths
from alphagan.settings.preparation import check_preparation

TABLE = "participant_id\tage\tsex\nsub-01\t46.71\tM\nsub-02\t34\tF\n"


def changed(old, new):
    assert old in TABLE
    return TABLE.replace(old, new)


# The table, and words of the line.
REFUSED_COVARIATES = {
    "missing": (None, "people.tsv: cannot be read (No such file", "give a table with the columns participant_id, age"),
    "empty": ("", "people.tsv: is empty", "give a table with the columns participant_id, age and sex"),
    "Excel's own format": (b"PK\x03\x04\x14\x00" + bytes(99), "is an Excel file", "save it as CSV UTF-8"),
    "UTF-16": (TABLE.encode("utf-16"), "line 1 is not UTF-8", "save it as CSV UTF-8"),
    "zero bytes": (f"{TABLE}\0", "zero bytes", "copy or download it again"),
    "no column of people": (
        changed("participant_id", "code"),
        "no column participant_id (its columns: code",
        "name it",
    ),
    "neither age nor sex": (
        changed("age\tsex", "a\tb"),
        "no column age or sex (its columns: participant_id",
        "name it",
    ),
    "a column twice": (changed("age\tsex", "Age\tage"), "two columns for one thing, Age and age", "remove one"),
    "two words for one thing": (changed("sex", "gender\tsex"), "two columns for one thing, gender and sex", "remove"),
    "columns alone": (
        "participant_id\tage\tsex\n",
        "none of the people on the scans (it has nobody;",
        "as the scans do",
    ),
    "other people": (changed("sub-0", "sub-A"), "(it has A1, A2; on the scans are 01, 02)", "as the scans do"),
    "Excel took the zeros": (changed("sub-0", ""), "(it has 1, 2; on the scans are 01, 02)", "name people there as"),
    "a line of nobody": (changed("sub-02", ""), "line 3 names nobody", "complete the line, or remove it"),
    "a decimal comma": (changed("46.71", "46,71"), "line 2: age '46,71' is no number", "write years as 46.7, or n/a"),
    "a decimal comma among commas": (
        "participant_id,age,sex\nsub-01,46,71,F\nsub-02,34,F\n",
        "line 2 has 4 cells, and the header 3",
        "write numbers with a point",
    ),
    "an age in words": (changed("34", "old"), "line 3: age 'old' is no number", "write years as 46.7, or n/a"),
    "the oldest of all in one": (changed("34", "89+"), "line 3: age '89+' is no number", "or n/a"),
    "years as DICOM has them": (changed("34", "034Y"), "line 3: age '034Y' is no number", "write years"),
    "an infinite age": (changed("34", "inf"), "line 3: age 'inf' is no number", "write years"),
    "a negative age": (changed("34", "-1"), "line 3: age -1 is below 0", "write years, or n/a"),
    "an age in months": (changed("34", "412"), "line 3: age 412 is above 120", "write years, or n/a"),
    "sexes in numbers": (changed("\tF", "\t2"), "line 3: sex '2' is neither F nor M", "write F or M"),
    "a sex in another language": (changed("\tF", "\tw"), "line 3: sex 'w' is neither F nor M", "(or female, male)"),
    "two ages of one person": (f"{TABLE}02\t35\tF\n", "line 4: age of 02 is 35, line 3 says 34", "correct or remove"),
    "two sexes of one person": (
        f"{TABLE}sub-01\t46.71\tF\n",
        "line 4: sex of sub-01 is F, line 2 says M",
        "remove one",
    ),
}
READ_COVARIATES = {
    "as BIDS has it": TABLE,
    "a byte order mark": b"\xef\xbb\xbf" + TABLE.encode(),
    "lines that end as on Windows": TABLE.replace("\n", "\r\n"),
    "commas": TABLE.replace("\t", ","),
    "semicolons": TABLE.replace("\t", ";"),
    "spaces around cells": TABLE.replace("\t", " \t "),
    "blank lines": TABLE.replace("\n", "\n\n"),
    "people without sub-": changed("sub-", ""),
    "columns of other names": changed("participant_id\tage\tsex", "Subject\tAGE\tGender"),
    "columns in another order": "sex,site,age,subject\nM,A,46.71,01\nF,B,34,02\n",
    "sexes in words": changed("M\n", "Male\n").replace("\tF", "\tfemale"),
    "sexes in small letters": changed("M\n", "m\n").replace("\tF", "\tf"),
    "an age with zeros": changed("34", "34.00"),
    "a person twice, alike": f"{TABLE}sub-02\t34.0\tfemale\n",
    "a person twice, completed": changed("34\tF", "n/a\tF") + "sub-02\t34\t\n",
    "people who were not scanned": f"{TABLE}sub-99\t60\tF\n",
    "more cells than columns": changed("M\n", "M\tleft\n"),
}
N_CASES = len(REFUSED_COVARIATES) + len(READ_COVARIATES)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        write(tmp_path / "raw" / f"sub-0{number}_T1w.nii", head(number))
    cohort = {"kind": "nifti", "source": "raw", "pattern": "sub-{subject}_T1w.nii", "covariates": "people.tsv"}
    content = {"cohorts": {"mine": cohort}, "experiments": {}, "prepare": {"size": 16, "workers": 1}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def put(folder, table):
    if table is not None:
        (folder / "people.tsv").write_bytes(table if isinstance(table, bytes) else table.encode())


@pytest.mark.parametrize("case", REFUSED_COVARIATES)
def test_bad_tables_are_refused_in_one_line_before_anything_is_prepared(folder, capsys, case):
    table, *says = REFUSED_COVARIATES[case]
    put(folder, table)
    refused(["cohort", "check", "mine"], folder, capsys, says)
    refused(["prepare", "mine"], folder, capsys, says)


@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_names_of_rows_that_have_no_column_are_refused(folder, capsys, mark):
    lines = (["subject", "age"], ["1", "01", "46.71"], ["2", "02", "34"])
    put(folder, "".join(f"{mark.join(line)}\n" for line in lines))
    refused(["cohort", "check", "mine"], folder, capsys, ["people.tsv: line 2 has 3 cells", "row.names = FALSE"])


def test_people_who_are_one_but_for_how_accents_are_stored_are_one(tmp_path):
    (tmp_path / "people.csv").write_text("subject,age\nrene\u0301,40\n", encoding="utf-8")
    assert of_people(tmp_path / "people.csv", ["ren\u00e9"]).people["ren\u00e9"]["age"] == "40"


@pytest.mark.parametrize("case", READ_COVARIATES)
def test_tables_are_read_whatever_wrote_them(folder, capsys, case):
    put(folder, READ_COVARIATES[case])
    assert main(["cohort", "check", "mine"]) == 0
    told = capsys.readouterr().out
    assert "age: of 2 people, from 34 to 46.71\nsex: F 1, M 1\n" in told
    known = of_people(folder / "people.tsv", ["01", "02"])
    assert known.people == {"01": {"age": "46.71", "sex": "M"}, "02": {"age": "34", "sex": "F"}}
    assert known.notes == ()


def test_people_without_a_value_are_kept_and_told(folder, capsys):
    put(folder, "participant_id\tage\tsex\nsub-01\tn/a\tother\n")
    assert main(["prepare", "mine"]) == 0
    told = capsys.readouterr().err
    assert "mine: 2 of 2 people have no age in people.tsv\nmine: 2 of 2 people have no sex in people.tsv\n" in told
    put(folder, "participant_id\tage\tsex\nsub-01\t30\tF\n2\t40\tM\n")  # as a spreadsheet writes 02
    assert main(["prepare", "mine"]) == 0
    assert "mine: 1 person in people.tsv of whom there is no scan, such as 2\n" in capsys.readouterr().err
    assert main(["cohort", "check", "mine"]) == 0
    told = capsys.readouterr().out
    assert "age: of one person, from 30 to 30\nsex: ? 1, F 1\n" in told and "of whom there is no scan" in told
    put(folder, "participant_id\tsex\nsub-01\tM\n")
    assert main(["prepare", "mine"]) == 0
    told = capsys.readouterr().err
    assert "mine: no column age in people.tsv\n" in told and "mine: 1 of 2 people has no sex in people.tsv\n" in told
    with open("data/prepared/mine/subjects.csv", newline="") as file:
        assert [row["subject"] for row in csv.DictReader(file)] == ["01", "02"]


def test_a_table_changes_nothing_that_models_are_trained_on(tmp_path):
    for number in range(4):
        write(tmp_path / "raw" / f"{number}.nii", head(number))
    (tmp_path / "people.csv").write_text("subject,age,sex\n" + "".join(f"{k},{60 + k},F\n" for k in range(4)))
    config = config_for(tmp_path / "raw", "{subject}.nii")
    plain = prepare("study", config, Paths(tmp_path / "plain"), progress=False)
    cohort = config.cohorts["study"].model_copy(update={"covariates": str(tmp_path / "people.csv")})
    with_table = config.model_copy(update={"cohorts": {"study": cohort}})
    told = prepare("study", with_table, Paths(tmp_path / "told"), progress=False)
    assert digests(plain) == digests(told)
    assert check_preparation(with_table, "study", plain) == []


def test_a_change_of_the_table_is_noticed_wherever_it_lies(folder):
    put(folder, TABLE)
    assert main(["scans"]) == 0
    before = (folder / "data" / "scans" / "mine.csv").read_text()
    put(folder, f"{TABLE}\n")
    assert main(["scans"]) == 0
    after = (folder / "data" / "scans" / "mine.csv").read_text()
    assert before != after and "people.tsv," in after


def test_ages_that_the_sidecar_says_are_months_are_refused_and_years_are_read(tmp_path):
    (tmp_path / "people.tsv").write_text(TABLE)
    sidecar = tmp_path / "people.json"
    for content in ('{"age": {"Units": "years"}}', '{"age": {"Description": "at scan"}}', "[]", "no JSON"):
        sidecar.write_text(content)
        assert of_people(tmp_path / "people.tsv", ["01"]).people["01"]["age"] == "46.71"
    sidecar.write_text('{"age": {"Units": "months"}}')
    with pytest.raises(InputError, match=r"people.json: age is in months; write ages in years"):
        of_people(tmp_path / "people.tsv", ["01"])


def test_ages_that_often_stand_for_nobody_knows_are_told(tmp_path):
    rows = "".join(f"sub-0{k}\t{age}\tF\n" for k, age in enumerate(("99", "99.0", "41", "0")))
    (tmp_path / "people.tsv").write_text(f"participant_id\tage\tsex\n{rows}")
    one, several = of_people(tmp_path / "people.tsv", ["00", "01", "02", "03"]).notes
    assert one.startswith("1 person is exactly 0 years old in ")
    assert several.startswith("2 people are exactly 99 years old in ") and several.endswith("leave it empty")


def test_ages_that_may_not_be_in_years_are_told(tmp_path):
    for factor, told in ((1.0, ""), (0.01, "0.7"), (0.1, "7"), (0.2, "")):  # hundredths, decades
        rows = "".join(f"sub-0{k}\t{factor * age:g}\tF\n" for k, age in enumerate((41, 70, 23)))
        (tmp_path / "people.tsv").write_text(f"participant_id\tage\tsex\n{rows}")
        notes = of_people(tmp_path / "people.tsv", ["00", "01", "02"]).notes
        assert [note.endswith(f"is older than {told}: ages are taken for years") for note in notes] == [True] * bool(
            told
        )


@pytest.mark.parametrize(("ages", "told"), [((0, 41, 70), True), ((0, 2, 1), False), ((0.5, 41, 70), False)])
def test_one_person_of_age_0_among_adults_is_told(tmp_path, ages, told):
    rows = "".join(f"sub-0{k}\t{age}\tF\n" for k, age in enumerate(ages))
    (tmp_path / "people.tsv").write_text(f"participant_id\tage\tsex\n{rows}")
    notes = of_people(tmp_path / "people.tsv", ["00", "01", "02"]).notes
    assert any(note.startswith("1 person is exactly 0 years old in ") for note in notes) == told


def test_names_that_a_table_spells_otherwise_are_told(tmp_path):
    rows = "".join(f"{k}\t{40 + k}\tF\n" for k in (8, 9, 10, 11))
    (tmp_path / "people.tsv").write_text(f"participant_id\tage\tsex\n{rows}")
    found = of_people(tmp_path / "people.tsv", ["08", "09", "10", "11"])
    assert [person["age"] for person in found.people.values()] == ["", "", "50", "51"]
    assert any("2 people may be spelled otherwise" in note and "such as 8 for 08" in note for note in found.notes)
