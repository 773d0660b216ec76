import layouts
import nibabel
import numpy as np
import pytest
from likeness import likeness

from alphagan.errors import InputError
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.cohorts.brats import find, missing
from alphagan.settings.cohorts import BratsCohort

SEQUENCES = ("flair", "t1", "t1ce", "t2", "seg")
SEQUENCES_2023 = ("t2f", "t1n", "t1c", "t2w", "seg")


def brats(folder, **keys):
    return BratsCohort(kind="brats", source=str(folder), **keys)


def case(place, join="_", ext=".nii.gz", sequences=SEQUENCES):
    name = place.rpartition("/")[2]
    return [f"{place}/{name}{join}{sequence}{ext}" for sequence in sequences]


def who(scans):
    return {(scan.subject, scan.session, scan.grade) for scan in scans}


@pytest.mark.parametrize("top", ["", "MICCAI_BraTS_2018_Data_Training/", "MICCAI_BraTS_2019_Data_Training/"])
@pytest.mark.parametrize("release", ["Brats17", "Brats18", "BraTS19"])
def test_2018_and_2019_carry_the_grade_in_a_folder(tmp_path, top, release):
    files = case(f"{top}HGG/{release}_CBICA_AAB_1") + case(f"{top}LGG/{release}_TCIA09_141_1")
    layouts.tree(tmp_path, *files, f"{top}survival_data.csv")
    high, low = (f"{release}_CBICA_AAB_1", "", "HGG"), (f"{release}_TCIA09_141_1", "", "LGG")
    assert who(find(brats(tmp_path))) == {high}
    assert who(find(brats(tmp_path, grade="LGG"))) == {low}
    assert who(find(brats(tmp_path, grade="all"))) == {high, low}


def test_the_folder_of_one_grade_may_be_the_source(tmp_path):
    layouts.tree(tmp_path / "HGG", *case("Brats18_CBICA_AAB_1"))
    (tmp_path / "link").symlink_to(tmp_path / "HGG")
    for source in ("HGG", "link"):
        assert who(find(brats(tmp_path / source))) == {("Brats18_CBICA_AAB_1", "", "HGG")}
        with pytest.raises(InputError, match="no LGG found"):
            find(brats(tmp_path / source, grade="LGG"))


@pytest.mark.parametrize("ext", [".nii", ".nii.gz"])
def test_2020_carries_the_grades_in_a_table(tmp_path, ext):
    top = "MICCAI_BraTS2020_TrainingData/"
    layouts.tree(tmp_path, *(file for k in (1, 2, 355) for file in case(f"{top}BraTS20_Training_{k:03d}", ext=ext)))
    layouts.tree(tmp_path, f"{top}BraTS20_Training_355/W39_1998.09.19_Segm.nii")  # it is really there
    columns = ("Grade", "BraTS_2017_subject_ID", "TCGA_TCIA_subject_ID", "BraTS_2020_subject_ID")
    rows = [("HGG", "Brats17_CBICA_AAB_1", "NA", "BraTS20_Training_001"), ("LGG", "NA", "NA", "BraTS20_Training_002")]
    layouts.write_table(tmp_path / top / "name_mapping.csv", columns, rows)
    assert who(find(brats(tmp_path))) == {("BraTS20_Training_001", "", "HGG")}
    assert who(find(brats(tmp_path, grade="all"))) == {
        ("BraTS20_Training_001", "", "HGG"),
        ("BraTS20_Training_002", "", "LGG"),
        ("BraTS20_Training_355", "", ""),
    }


@pytest.mark.parametrize(
    ("files", "subject", "session"),
    [
        (case("BraTS2021_00000"), "BraTS2021_00000", ""),
        (case("x/BraTS-GLI-00005-001", "-", sequences=SEQUENCES_2023), "BraTS-GLI-00005", "001"),
        (case("BraTS-SSA-00002-000", "-", ".nii", sequences=SEQUENCES_2023), "BraTS-SSA-00002", "000"),
    ],
)
def test_later_releases_carry_no_grade(tmp_path, files, subject, session):
    layouts.tree(tmp_path, *files)
    assert who(find(brats(tmp_path, grade="all"))) == {(subject, session, "")}
    with pytest.raises(InputError, match=f"carries no grade.*{subject}; set the cohort's grade: all"):
        find(brats(tmp_path))


def test_two_visits_are_one_person(tmp_path):
    for visit in ("000", "001"):
        layouts.tree(tmp_path, *case(f"BraTS-GLI-00005-{visit}", "-", sequences=("t2f",)))
    scans = find(brats(tmp_path, grade="all"))
    assert [(scan.subject, scan.session) for scan in scans] == [("BraTS-GLI-00005", v) for v in ("000", "001")]


@pytest.mark.parametrize(
    ("modality", "names"),
    [("FLAIR", ("flair", "t2f")), ("T1w", ("t1", "t1n")), ("T1wGd", ("t1ce", "t1c")), ("T2w", ("t2", "t2w"))],
)
def test_each_modality_has_its_file_and_segmentations_have_none(tmp_path, modality, names):
    files = case("BraTS2021_00001") + case("BraTS-GLI-00001-000", "-", sequences=SEQUENCES_2023)
    layouts.tree(tmp_path, *files)
    scans = find(brats(tmp_path, modality=modality, grade="all"))
    assert {scan.modality for scan in scans} == {modality}
    assert {scan.image.name for scan in scans} == {f"BraTS2021_00001_{names[0]}.nii.gz"} | {
        f"BraTS-GLI-00001-000-{names[1]}.nii.gz"
    }


def test_scans_that_are_not_there_are_named(tmp_path):
    place = "HGG/Brats18_CBICA_AAB_1"
    layouts.tree(tmp_path, *case(place, sequences=("t1", "t2")), *case("LGG/Brats18_TCIA09_141_1", sequences=("t1",)))
    with pytest.raises(InputError, match="no FLAIR found, but T1w, T2w"):
        find(brats(tmp_path))
    layouts.tree(tmp_path, *case("HGG/Brats18_CBICA_ABC_1"))
    assert missing(brats(tmp_path)) == [f"no FLAIR: {tmp_path / place}"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no FLAIR found, but no file named as BraTS"):
        find(brats(tmp_path / "empty"))
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find(brats(tmp_path / "nowhere"))


def test_a_copy_beside_the_scan_is_the_scan_and_one_elsewhere_is_refused(tmp_path):
    layouts.tree(tmp_path, *case("HGG/Brats18_CBICA_AAB_1"), *case("HGG/Brats18_CBICA_AAB_1", ext=".nii"))
    assert len(find(brats(tmp_path))) == 1
    layouts.tree(tmp_path, *case("backup/HGG/Brats18_CBICA_AAB_1"))
    with pytest.raises(InputError, match="Brats18_CBICA_AAB_1 has another FLAIR.*point the cohort's source"):
        find(brats(tmp_path))


@pytest.mark.parametrize("release", [2018, 2020, 2021, 2023])
def test_every_release_comes_out_the_right_way_up(tmp_path, release):
    section = layouts.brats(tmp_path / "raw", n=2, release=release)
    scans = find_scans(layouts.cohort(section))
    assert len(scans) == 2
    image = nibabel.load(scans[0].image)
    assert nibabel.aff2axcodes(image.affine) == ("L", "P", "S") and image.get_data_dtype() == np.int16
    right, turned = likeness(scans[0], 0)
    assert right > 0.97 and right > turned + 0.02
