"""Tables as people send them: what Excel makes of a CSV is read, what cannot be read is refused in one line."""

import contextlib

import layouts
import pytest
import yaml
from refusals import as_nobody, refused

from alphagan.__main__ import main

COLUMNS = "Image Data ID,Subject,Group,Sex,Age,Visit,Modality,Description,Type,Acq Date,Format,Downloaded"
ROW = "I45112,002_S_0295,CN,F,74,sc,MRI,brainmask,Post-processed,4/18/2006,MGH,"
ADNI = f"{COLUMNS}\n{ROW}\n"
SCAN = "002_S_0295/FreeSurfer_Cross-Sectional_Processing_brainmask/2006-04-18_08_20_30.0/I45112/mri/brainmask.mgz"
GRADES = "Grade,BraTS_2019_subject_ID,BraTS_2020_subject_ID\nHGG,NA,BraTS20_Training_001\nLGG,NA,BraTS20_Training_002\n"
EXCEL, OLD_EXCEL = b"PK\x03\x04\x14\x00\x06\x00" + bytes(range(256)), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99)
EXPORT = "give the CSV that ADNI's archive exports"


def quoted(table):
    return "".join(",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in table.splitlines())


def adni(old, new):
    assert old in ADNI
    return ADNI.replace(old, new)


def grades(old, new):
    assert old in GRADES
    return GRADES.replace(old, new)


# The table, and words of the line.
REFUSED_ADNI = {
    "missing": (None, "list.csv: cannot be read (No such file or directory)", EXPORT),
    "a folder": ("folder", "list.csv: cannot be read (Is a directory)", EXPORT),
    "a link to itself": ("loop", "list.csv: cannot be read (Too many levels", EXPORT),
    "not permitted": ("locked", "list.csv: cannot be read (Permission denied)", EXPORT),
    "empty": ("", "list.csv: is empty", EXPORT),
    "blank lines alone": (" \n\n", "list.csv: is empty", EXPORT),
    "Excel's own format": (EXCEL, "is an Excel file", "save it as CSV UTF-8"),
    "Excel's old format": (OLD_EXCEL, "is an Excel file", "save it as CSV UTF-8"),
    "a web page": ("<!DOCTYPE html>\n<html>Please log in</html>", "is a web page", "download it again, logged in"),
    "not UTF-8": (adni("brainmask", "Gehirn f\xfcr").encode("latin-1"), "line 2 is not UTF-8", "save it as CSV UTF-8"),
    "UTF-16": (ADNI.encode("utf-16"), "line 1 is not UTF-8", "save it as CSV UTF-8"),
    "zero bytes": (f"{ADNI}\0\0", "is damaged, there are zero bytes in it", "copy or download it again"),
    "a quote that never ends": (adni("002_S", '"002_S'), "line 2 is no CSV", "mend its quotes"),
    "a cell without end": (adni("brainmask", "x" * 200_000), "line 2 is no CSV (field larger", "mend its quotes"),
    "no column of groups": (adni("Group", "Cohort"), "no column 'Group' or 'Research Group'", "export it again"),
    "no column of subjects": (adni("Subject", "Person"), "no column 'Subject' or 'Subject ID'", "export it again"),
    "neither date nor image": (
        adni("Image Data ID", "a").replace("Acq Date", "b"),
        "no column 'Acq Date'",
        "export it",
    ),
    "columns alone": (f"{COLUMNS}\n", "no row of group 'CN' (it has: no rows)", "change the cohort's group"),
    "another group alone": (adni(",CN,", ",MCI,"), "no row of group 'CN' (it has: MCI)", "change the cohort's group"),
    "a line that breaks off": (f"{ADNI}I45113,002_S_0295\n", "line 3 lacks subject or group", "or remove it"),
    "a line of nobody": (adni("002_S_0295", ""), "line 2 lacks subject or group", "complete the line"),
    "a German date": (adni("4/18/2006", "18.04.2006"), "line 2: '18.04.2006' is no date", "write month/day/year"),
    "a day before its month": (adni("4/18/2006", "18/4/2006"), "line 2: '18/4/2006' is no date", "2006-04-18"),
    "a year of two digits": (adni("4/18/2006", "4/18/06"), "line 2: '4/18/06' is no date", "write month/day/year"),
    "Excel's number of a day": (adni("4/18/2006", "38825"), "line 2: '38825' is no date", "write month/day/year"),
    "30 February": (adni("4/18/2006", "2/30/2006"), "line 2: '2/30/2006' is no date", "write month/day/year"),
    "month 13": (adni("4/18/2006", "2006-13-01"), "line 2: '2006-13-01' is no date", "write month/day/year"),
    "scans that are not there": (adni("45112", "9").replace("0295", "0999"), "selects 1 images, but none", "check"),
}
READ_ADNI = {
    "as it is exported": ADNI,
    "a byte order mark": b"\xef\xbb\xbf" + ADNI.encode(),
    "lines that end as on Windows": ADNI.replace("\n", "\r\n"),
    "lines that end as on old Macs": ADNI.replace("\n", "\r"),
    "blank lines before and after": f"\n{ADNI}\n\n",
    "every cell in quotes": quoted(ADNI),
    "semicolons": ADNI.replace(",", ";"),
    "tabs": ADNI.replace(",", "\t"),
    "spaces around cells": ADNI.replace(",", " , "),
    "columns in small letters": adni(COLUMNS, COLUMNS.lower()),
    "a row twice": f"{ADNI}{ROW}\n",
    "more cells than columns": adni("MGH,", "MGH,,,"),
    "no date": adni("4/18/2006", ""),
    "a group in small letters": adni(",CN,", ",cn,"),
}
REFUSED_GRADES = {
    "a link to itself": ("loop", "name_mapping.csv: cannot be read (Too many levels", "as the release has it"),
    "empty": ("", "name_mapping.csv: is empty", "as the release has it"),
    "Excel's own format": (EXCEL, "is an Excel file", "save it as CSV UTF-8"),
    "not UTF-8": (grades("NA", "\xfc").encode("latin-1"), "line 2 is not UTF-8", "save it as CSV UTF-8"),
    "zero bytes": (f"{GRADES}\0", "zero bytes", "copy or download it again"),
    "no column of grades": (grades("Grade", "Degree"), "no name_mapping.csv with a column Grade", "grade: all"),
    "no column of subjects": (grades("subject_ID", "name"), "that lists BraTS20_Training_001", "grade: all"),
    "a grade that is none": (grades("HGG", "high"), "line 2: grade 'high' is neither HGG nor LGG", "correct it"),
    "two grades of one person": (
        f"{GRADES}LGG,NA,BraTS20_Training_001\n",
        "line 4: BraTS20_Training_001 is both",
        "rem",
    ),
    "nobody of this grade": (grades("HGG", "LGG"), "no HGG found, but 2 LGG", "change the cohort's grade"),
}
READ_GRADES = {
    "as it is published": GRADES,
    "a byte order mark": b"\xef\xbb\xbf" + GRADES.encode(),
    "lines that end as on Windows": GRADES.replace("\n", "\r\n"),
    "blank lines at the end": f"{GRADES}\n\n",
    "semicolons": GRADES.replace(",", ";"),
    "tabs": GRADES.replace(",", "\t"),
    "every cell in quotes": quoted(GRADES),
    "small letters": grades("HGG", "hgg"),
    "a line twice": f"{GRADES}HGG,NA,BraTS20_Training_001\n",
}
N_CASES = len(REFUSED_ADNI) + len(READ_ADNI) + len(REFUSED_GRADES) + len(READ_GRADES) + 2


def write(path, table):
    if table == "folder":
        path.mkdir()
    elif table == "loop":
        path.symlink_to(path)
    elif table == "locked":
        path.write_text(ADNI)
        path.chmod(0)
    elif table is not None:
        path.write_bytes(table if isinstance(table, bytes) else table.encode())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def params(**section):
        (tmp_path / "params.yaml").write_text(yaml.safe_dump({"cohorts": {"mine": section}, "experiments": {}}))
        return tmp_path

    return params


@pytest.fixture
def adni_folder(folder):
    layouts.tree(folder(kind="freesurfer", source="raw", selection="raw/list.csv", expected=1) / "raw", SCAN)
    return folder(kind="freesurfer", source="raw", selection="raw/list.csv", expected=1)


@pytest.fixture
def brats_folder(folder):
    made = folder(kind="brats", source="raw", expected=1)
    layouts.tree(made / "raw", *(f"BraTS20_Training_00{k}/BraTS20_Training_00{k}_flair.nii" for k in (1, 2)))
    return made


@pytest.mark.parametrize("case", REFUSED_ADNI)
def test_bad_tables_of_adni_are_refused_in_one_line(adni_folder, capsys, case):
    table, *says = REFUSED_ADNI[case]
    write(adni_folder / "raw" / "list.csv", table)
    with as_nobody(adni_folder) if case == "not permitted" else contextlib.nullcontext():
        refused(["cohort", "check", "mine"], adni_folder, capsys, says)


@pytest.mark.parametrize("case", READ_ADNI)
def test_tables_of_adni_are_read_whatever_wrote_them(adni_folder, capsys, case):
    write(adni_folder / "raw" / "list.csv", READ_ADNI[case])
    assert main(["cohort", "check", "mine"]) == 0
    assert "1 T1w scan of 1 person" in capsys.readouterr().out


@pytest.mark.parametrize("case", REFUSED_GRADES)
def test_bad_tables_of_grades_are_refused_in_one_line(brats_folder, capsys, case):
    table, *says = REFUSED_GRADES[case]
    write(brats_folder / "raw" / "name_mapping.csv", table)
    refused(["cohort", "check", "mine"], brats_folder, capsys, says)


@pytest.mark.parametrize("case", READ_GRADES)
def test_tables_of_grades_are_read_whatever_wrote_them(brats_folder, capsys, case):
    write(brats_folder / "raw" / "name_mapping.csv", READ_GRADES[case])
    assert main(["cohort", "check", "mine"]) == 0
    assert "grade: HGG 1" in capsys.readouterr().out


def test_somebody_whom_the_table_forgets_is_named(brats_folder, capsys):
    write(brats_folder / "raw" / "name_mapping.csv", grades("LGG,NA,BraTS20_Training_002\n", ""))
    assert main(["cohort", "check", "mine"]) == 1
    assert "no grade: raw/BraTS20_Training_002" in capsys.readouterr().out


def test_tables_that_are_not_needed_may_be_anything(brats_folder, capsys):
    write(brats_folder / "raw" / "name_mapping.csv", GRADES)
    for name in ("survival_info.csv", "participants.tsv", "name_mapping.xlsx"):
        write(brats_folder / "raw" / name, EXCEL)
    assert main(["cohort", "check", "mine"]) == 0
    assert capsys.readouterr().err == ""
