import layouts
import nibabel
import numpy as np
import pytest

from alphagan.errors import InputError
from alphagan.preparation.cohorts import adni_table, find_scans
from alphagan.preparation.cohorts.freesurfer import find, missing
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.cohorts import FreesurferCohort
from alphagan.settings.config import parse
from alphagan.settings.sections import Prepare

ADNI = "FreeSurfer_Cross-Sectional_Processing_brainmask"
HEADER = layouts.ADNI_COLUMNS


def freesurfer(folder, **keys):
    return FreesurferCohort(kind="freesurfer", source=str(folder), **keys)


def who(scans):
    return {(scan.subject, scan.session) for scan in scans}


def row(image_id, subject, date, visit="sc", group="CN"):
    return [image_id, subject, group, "F", "74", visit, "MRI", "brainmask", "Post-processed", date, "MGH", ""]


def table(folder, *rows, columns=HEADER):
    return str(layouts.write_table(folder / "list.csv", columns, rows))


def adni(folder, *places, file="mri/brainmask.mgz"):
    return layouts.tree(folder, *(f"{place}/{file}" for place in places))


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("bert", ("bert", "")),
        ("sub-01", ("01", "")),
        ("sub-01_ses-m06", ("01", "m06")),
        ("OAS1_0001_MR1", ("OAS1_0001", "MR1")),
        ("OAS30001_MR_d0129", ("OAS30001_MR", "d0129")),
        ("bert_visit2", ("bert", "visit2")),
        ("bert-2006-04-18", ("bert", "2006-04-18")),
        ("002_S_0295", ("002_S_0295", "")),
        ("002_S_0295_m12", ("002_S_0295", "m12")),
        ("002_S_0295_2006-04-18_I45108", ("002_S_0295", "2006-04-18_I45108")),
        ("002_S_0295_m12.long.002_S_0295", ("002_S_0295", "m12")),
        ("first.long.bert_base", ("bert", "first")),
        ("control_m01", ("control_m01", "")),  # the first man among the controls
        ("site_0012", ("site_0012", "")),
    ],
)
def test_a_folder_s_name_says_who_and_when(tmp_path, folder, expected):
    layouts.tree(tmp_path, f"{folder}/mri/brainmask.mgz")
    assert who(find(freesurfer(tmp_path))) == {expected}


def test_a_longitudinal_stream_is_counted_once_and_by_person(tmp_path):
    for name in ("bert_tp1", "bert_tp2", "bert_tp1.long.bert_base", "bert_base", "anna_tp1.long.anna", "anna"):
        layouts.tree(tmp_path, f"{name}/mri/brainmask.mgz")
    layouts.tree(tmp_path, "carl/mri/brainmask.mgz", "carl/base-tps")  # an average whose visits were moved away
    scans = find(freesurfer(tmp_path))
    assert who(scans) == {("bert", "tp1"), ("bert", "tp2"), ("anna", "tp1")}
    assert {scan.image.parts[-3] for scan in scans} == {"bert_tp1", "bert_tp2", "anna_tp1.long.anna"}


def test_freesurfer_s_own_subjects_are_no_people(tmp_path):
    own = ("fsaverage", "fsaverage5", "fsaverage_sym", "cvs_avg35_inMNI152", "V1_average")
    layouts.tree(tmp_path / "home", *(f"{name}/mri/brainmask.mgz" for name in own))
    source = layouts.tree(tmp_path / "subjects", "bert/mri/brainmask.mgz", "QA/bert.txt", "link.log")
    for name in own:
        (source / name).symlink_to(tmp_path / "home" / name)
    (source / "average").symlink_to(tmp_path / "home" / "fsaverage")
    (source / "lh.EC_average").symlink_to(tmp_path / "home" / "V1_average")
    (source / "rh.EC_average").symlink_to(tmp_path / "nowhere")
    (source / "anna").symlink_to(tmp_path / "disk" / "anna")
    layouts.tree(tmp_path, "disk/anna/mri/brainmask.mgz")
    assert who(find(freesurfer(source))) == {("anna", ""), ("bert", "")}


def test_the_volume_is_chosen_and_its_absence_reported(tmp_path):
    layouts.tree(tmp_path, "anna/mri/brainmask.mgz", "anna/mri/norm.mgz", "bert/mri/norm.mgz", "carl/mri/orig.mgz")
    assert [scan.image.name for scan in find(freesurfer(tmp_path, volume="norm"))] == ["norm.mgz"] * 2
    assert who(find(freesurfer(tmp_path))) == {("anna", "")}
    assert missing(freesurfer(tmp_path)) == [f"no brainmask: {tmp_path / name}" for name in ("bert", "carl")]
    with pytest.raises(InputError, match=r"no <subject>/mri/brain\.mgz and no .*SUBJECTS_DIR"):
        find(freesurfer(tmp_path, volume="brain"))
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find(freesurfer(tmp_path / "nowhere"))


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


@pytest.mark.parametrize(
    ("columns", "rows", "keys", "message"),
    [
        (HEADER, None, {}, "list.csv: cannot be read (No such file or directory)"),
        (("Image Data ID", "Subject"), [], {}, "list.csv: no column 'Group' or 'Research Group'"),
        (("Subject", "Group"), [], {}, "no column 'Acq Date' or .*'Image Data ID'.*its columns: Subject, Group"),
        (HEADER, [row("I1", "002_S_0001", "18.1.2006")], {}, "line 2: '18.1.2006' is no date"),
        (HEADER, [row("I1", "002_S_0001", "18/1/2006")], {}, "line 2: '18/1/2006' is no date"),
        (HEADER, [row("I1", "002_S_0001", "1/18/2006", group="MCI")], {}, "no row of group 'CN' (it has: MCI)"),
        (HEADER, [row("I1", "002_S_0001", "1/18/2006")], {"visits": ["m12"]}, "no visit m12 (it has: sc)"),
        (HEADER, [row("I9", "002_S_0009", "1/18/2006")], {}, "selects 1 images, but none has a folder below"),
    ],
)
def test_a_table_that_selects_nothing_is_refused(tmp_path, columns, rows, keys, message):
    adni(tmp_path, f"002_S_0001/{ADNI}/2006-01-18_08_20_30.0/S1")
    selection = str(tmp_path / "list.csv") if rows is None else table(tmp_path, *rows, columns=columns)
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace(")", r"\)")):
        find(freesurfer(tmp_path, selection=selection, **keys))


def test_a_group_without_a_table_is_refused():
    section = {"kind": "freesurfer", "source": "data/raw/adni", "group": "MCI"}
    with pytest.raises(InputError, match="cohorts.adni: group and visits choose from a table"):
        parse({"cohorts": {"adni": section}, "experiments": {}})


def test_what_was_deleted_by_hand_is_background(tmp_path):
    folder = tmp_path / "bert"
    layouts.write_conformed(folder / "mri" / "brainmask.mgz", 0)
    (before,) = find_scans(freesurfer(tmp_path))
    expected = prepare_scan(before, Prepare(size=16)).cube
    image = nibabel.load(before.image)
    voxels = np.asarray(image.dataobj).copy()
    voxels[voxels == 0] = 1  # as if the rest of the head had been erased in the editor
    nibabel.MGHImage(voxels, image.affine).to_filename(before.image)
    (after,) = find_scans(freesurfer(tmp_path))
    np.testing.assert_array_equal(prepare_scan(after, Prepare(size=16)).cube, expected)


@pytest.mark.parametrize("layout", [layouts.subjects_dir, layouts.adni])
def test_conformed_volumes_come_out_the_right_way_up(tmp_path, layout):
    scans = find_scans(layouts.cohort(layout(tmp_path / "raw", n=2)))
    assert nibabel.aff2axcodes(nibabel.load(scans[0].image).affine) == ("L", "I", "A")
    right, turned = layouts.likeness(scans[0], 0)
    assert right > 0.97 and right > turned + 0.02


@pytest.mark.slow
def test_a_volume_of_the_real_size(tmp_path):
    (scan,) = find_scans(layouts.cohort(layouts.subjects_dir(tmp_path, n=1, scale=1)))
    image = nibabel.load(scan.image)
    assert image.shape == (256, 256, 256) and image.get_data_dtype() == np.uint8
    assert layouts.likeness(scan, 0)[0] > 0.97
