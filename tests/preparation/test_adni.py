"""ADNI's tree, and tables that select some of its scans."""

import layouts
import pytest
from layouts import freesurfer, who

from alphagan.errors import InputError
from alphagan.preparation.cohorts import adni_table
from alphagan.preparation.cohorts.freesurfer import find, missing
from alphagan.settings.config import parse

ADNI = "FreeSurfer_Cross-Sectional_Processing_brainmask"
HEADER = layouts.ADNI_COLUMNS


def row(image_id, subject, date, visit="sc", group="CN"):
    return [image_id, subject, group, "F", "74", visit, "MRI", "brainmask", "Post-processed", date, "MGH", ""]


def table(folder, *rows, columns=HEADER):
    return str(layouts.write_table(folder / "list.csv", columns, rows))


def adni(folder, *places, file="mri/brainmask.mgz"):
    return layouts.tree(folder, *(f"{place}/{file}" for place in places))


@pytest.mark.parametrize("above", ["", "ADNI/", "ADNI_part2/"])
@pytest.mark.parametrize(
    "file", ["mri/brainmask.mgz", "mri/image.nii", "ADNI_002_VOLUME_FreeSurfer_Br_2010.brainmask.nii", "brainmask.mgz"]
)
def test_adni_s_tree(tmp_path, above, file):
    adni(tmp_path, f"{above}002_S_0295/{ADNI}/2006-04-18_08_20_30.0/S13408", file=file)
    (scan,) = find(freesurfer(tmp_path))
    assert (scan.subject, scan.session, scan.site) == ("002_S_0295", "2006-04-18_S13408", "002")
    assert scan.image.name == file.rpartition("/")[2]


def test_adni_has_one_scan_where_there_are_two_formats_or_two_ways_of_processing(tmp_path):
    day = "2006-04-18_08_20_30.0"
    adni(tmp_path, f"002_S_0295/{ADNI}/{day}/I1")
    adni(tmp_path, f"002_S_0295/{ADNI}/{day}/I1", file="mri/image.nii")  # converted from the other
    adni(tmp_path, f"002_S_0295/FreeSurfer_Longitudinal_Processing_brainmask/{day}/I2")
    adni(tmp_path, "002_S_0295/FreeSurfer_Longitudinal_Processing_brainmask/2007-05-01_08_20_30.0/I3")
    layouts.tree(tmp_path, f"002_S_0295/FreeSurfer_Cross-Sectional_Processing_aparc+aseg/{day}/I4/mri/aparc+aseg.mgz")
    (tmp_path / "002_S_0296" / ADNI / day / "I5").mkdir(parents=True)
    scans = find(freesurfer(tmp_path))
    assert {scan.image_id for scan in scans} == {"I1", "I3"}
    assert scans[0].image.name == "brainmask.mgz"
    assert missing(freesurfer(tmp_path)) == [f"no brainmask: {tmp_path / '002_S_0296' / ADNI / day / 'I5'}"]


def test_scans_not_people_are_selected_by_group_and_visit(tmp_path):
    adni(tmp_path, *(f"002_S_000{k}/{ADNI}/2006-0{m}-18_08_20_30.0/I{k}{m}" for k in (1, 2, 3) for m in (1, 7)))
    selection = table(
        tmp_path,
        row("I11", "002_S_0001", "1/18/2006", "ADNI Screening"),
        row("I17", "002_S_0001", "7/18/2006", "ADNI1/GO Month 6"),
        row("I21", "002_S_0002", "01/18/2006", "sc"),
        row("I37", "002_S_0003", "2006-07-18", "No Visit / Defined", group="AD"),
    )
    scans = find(freesurfer(tmp_path, selection=selection))
    assert who(scans) == {
        ("002_S_0001", "2006-01-18_sc_I11"),
        ("002_S_0001", "2006-07-18_m06_I17"),
        ("002_S_0002", "2006-01-18_sc_I21"),
    }
    month_6 = find(freesurfer(tmp_path, selection=selection, visits=["M06"]))
    assert {scan.image_id for scan in month_6} == {"I17"}
    assert who(find(freesurfer(tmp_path, selection=selection, group="ad"))) == {
        ("002_S_0003", "2006-07-18_no-visit-defined_I37")
    }
    assert missing(freesurfer(tmp_path, selection=selection)) == []


def test_rows_with_other_image_ids_are_matched_by_subject_and_date(tmp_path):
    adni(tmp_path, *(f"002_S_0001/{ADNI}/2006-0{m}-18_08_20_30.0/S{m}" for m in (1, 7)))
    selection = table(
        tmp_path,
        row("I90", "002_S_0001", "1/18/2006"),
        row("I91", "002_S_0001", "1/18/2006"),  # acquired again that day: the same scan was processed
        row("I92", "002_S_0001", "1/19/2007"),
        row("I93", "002_S_0009", "1/18/2006"),
    )
    cohort = freesurfer(tmp_path, selection=selection)
    assert who(find(cohort)) == {("002_S_0001", "2006-01-18_sc_S1")}
    assert missing(cohort) == [
        f"no folder: {selection}, line 4: 002_S_0001 2007-01-19 sc I92",
        f"no folder: {selection}, line 5: 002_S_0009 2006-01-18 sc I93",
    ]


def test_a_scan_that_another_row_names_is_not_taken_for_one_that_is_missing(tmp_path):
    adni(tmp_path, f"002_S_0001/{ADNI}/2006-01-18_08_20_30.0/I2")
    selection = table(tmp_path, row("I1", "002_S_0001", "1/18/2006"), row("I2", "002_S_0001", "1/18/2006"))
    cohort = freesurfer(tmp_path, selection=selection)
    assert who(find(cohort)) == {("002_S_0001", "2006-01-18_sc_I2")}
    assert missing(cohort) == [f"no folder: {selection}, line 2: 002_S_0001 2006-01-18 sc I1"]


def test_a_table_selects_from_a_subjects_dir_too(tmp_path):
    names = (
        "002_S_0001_bl",
        "002_S_0001_m06",
        "002_S_0002_2006-04-18",
        "002_S_0003",
        "002_S_0004_I7",
        "002_S_0005_m06",
    )
    layouts.tree(tmp_path, *(f"{name}/mri/brainmask.mgz" for name in names))
    selection = table(
        tmp_path,
        row("I1", "002_S_0001", "1/18/2006", "ADNI Baseline"),
        row("I3", "002_S_0002", "4/18/2006"),
        row("I4", "002_S_0002", "4/18/2007"),
        row("I5", "002_S_0003", "4/18/2006"),
        row("7", "002_S_0004", "4/18/2006"),
        row("I8", "002_S_0005", "4/18/2006", "ADNI Baseline"),
    )
    lost = missing(freesurfer(tmp_path, selection=selection))
    assert [line.rpartition(" ")[2] for line in lost] == ["I4", "I8"]
    assert who(find(freesurfer(tmp_path, selection=selection))) == {
        ("002_S_0001", "2006-01-18_bl_I1"),
        ("002_S_0002", "2006-04-18_sc_I3"),
        ("002_S_0003", ""),  # the folder does not say which visit it is
        ("002_S_0004", "2006-04-18_sc_I7"),
    }


def test_the_columns_of_an_advanced_search_are_known(tmp_path):
    columns = ("Subject ID", "Project", "Research Group", "Visit", "Study Date", "Image ID", "Structure")
    path = table(
        tmp_path, ["002_S_0001", "ADNI", "CN", "ADNI Baseline", "4/18/2006", "45108", "Brain"], columns=columns
    )
    (found,) = adni_table.read(path)
    assert found == adni_table.Row(2, "002_S_0001", "CN", "2006-04-18", "ADNI Baseline", "I45108")


def test_a_visit_that_nobody_made_is_refused(tmp_path):
    adni(tmp_path, f"002_S_0001/{ADNI}/2006-01-18_08_20_30.0/S1")
    selection = table(tmp_path, row("I1", "002_S_0001", "1/18/2006"))
    with pytest.raises(InputError, match=r"no visit m12 \(it has: sc\); change visits"):
        find(freesurfer(tmp_path, selection=selection, visits=["m12"]))


@pytest.mark.parametrize("group", ["CN", "AD"])
def test_an_image_of_two_groups_is_refused(tmp_path, group):
    adni(tmp_path, f"002_S_0001/{ADNI}/2006-01-18_08_20_30.0/I1")
    selection = table(tmp_path, row("I1", "002_S_0001", "1/18/2006"), row("I1", "002_S_0001", "1/18/2006", group="AD"))
    with pytest.raises(InputError, match=r"line [23]: 002_S_0001 2006-01-18 sc I1 is of group .*; remove one$"):
        find(freesurfer(tmp_path, selection=selection, group=group))


def test_a_group_without_a_table_is_refused():
    section = {"kind": "freesurfer", "source": "data/raw/adni", "group": "MCI"}
    with pytest.raises(InputError, match="cohorts.adni: group and visits choose from a table"):
        parse({"cohorts": {"adni": section}, "experiments": {}})
