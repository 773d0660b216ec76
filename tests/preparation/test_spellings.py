"""One person whose name is written in two ways, or with a visit."""

import layouts
import pytest
from scans import head, write

from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.cohorts.check import check
from alphagan.preparation.cohorts.doubts import doubts
from alphagan.preparation.cohorts.same_person import spelled_alike, visits_of_others
from alphagan.settings.cohorts import NiftiCohort

COMPOSED, DECOMPOSED = "Andr\u00e9", "Andre\u0301"


def cohort(folder, **keys):
    return NiftiCohort(kind="nifti", source=str(folder), **keys)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sub-01_T1w.nii", "sub-1_T1w.nii"),
        ("sub-02_ses-2_T1w.nii", "sub-2_T1w.nii"),
        ("sub-001_T1w.nii", "sub-01_T1w.nii"),
        ("sub-A_T1w.nii", "sub-a_T1w.nii"),
        ("site1_007_T1.nii", "site01_7_T1.nii"),
    ],
)
def test_two_spellings_are_told(tmp_path, one, other):
    raw = layouts.tree(tmp_path, one, other, "sub-90_T1w.nii", "sub-10_T1w.nii", "sub-100_T1w.nii")
    report = check(cohort(raw))
    assert report.n_people == 5 and report.as_expected
    (line,) = report.doubts
    assert line.startswith("1 of 5 people may be another under a second spelling: ") and one in line and other in line


def test_every_kind_tells_them(tmp_path):
    raw = layouts.tree(tmp_path, *(f"sub-{name}/anat/sub-{name}_T1w.nii" for name in ("1", "01", "2")))
    section = layouts.cohort({"kind": "bids", "source": str(raw)})
    assert "1 of 3 people" in " ".join(doubts(section, find_scans(section)))


def test_accents_are_stored_in_two_ways_by_one_person(tmp_path):
    files = [f"sub-{COMPOSED}_ses-1_T1w.nii", f"sub-{DECOMPOSED}_ses-2_T1w.nii"]
    scans = find_scans(cohort(layouts.tree(tmp_path / "raw", *files)))
    assert layouts.who(scans) == {(COMPOSED, "1"), (COMPOSED, "2")}
    free = layouts.tree(tmp_path / "free", f"a/{COMPOSED}.nii", f"b/{DECOMPOSED}.nii")
    with pytest.raises(InputError, match="the name does not tell the subject"):
        find_scans(cohort(free))
    alike = layouts.tree(tmp_path / "alike", *(f"{name}-{k}.nii" for name in (DECOMPOSED, "bob") for k in "ab"))
    assert "names begin alike" in " ".join(check(cohort(alike)).doubts)


def test_visits_that_stand_first_are_told_from_people(tmp_path):
    names = [f"{visit}_P00{k}.nii.gz" for visit in ("pre", "post") for k in (1, 2)]
    told = " ".join(check(cohort(layouts.tree(tmp_path / "raw", *names))).doubts)
    assert "names end alike: post_P001.nii.gz and pre_P001.nii.gz" in told and "{session}_{subject}.nii.gz" in told
    one_visit = layouts.tree(tmp_path / "one", *names[:2], "pre_P003.nii.gz")
    assert not list(check(cohort(one_visit)).doubts)


def test_one_mask_for_each_way_to_store_an_accent(tmp_path):
    raw = layouts.tree(tmp_path, f"{DECOMPOSED}_T1w.nii", f"{DECOMPOSED}_mask.nii")
    (scan,) = find_scans(cohort(raw, pattern="{subject}_T1w.nii", mask_pattern="{subject}_mask.nii"))
    assert scan.subject == COMPOSED and scan.mask.exists()


def test_spellings_of_others_are_those_of_others_alone(tmp_path):
    real = find_scans(cohort(layouts.tree(tmp_path / "real", "sub-1_T1w.nii", "sub-01_T1w.nii", "sub-4_T1w.nii")))
    train = find_scans(cohort(layouts.tree(tmp_path / "train", "sub-004_T1w.nii", "sub-05_T1w.nii")))
    assert "1 of 3 people" in spelled_alike(real, train) and "004 (sub-004_T1w.nii) and 4" in spelled_alike(real, train)
    assert "1 of 3 people" in spelled_alike(real) and spelled_alike(train) is None


@pytest.mark.parametrize("name", ["K{k:04d}-{v}_brain.nii", "S{k:03d}_{v}_T1_Gehirn.nii", "P_A{k}_HAB_{v}.0_T1.nii"])
def test_visits_are_told_whatever_all_names_end_with(tmp_path, name):
    raw = layouts.tree(tmp_path / "both", *(name.format(k=k, v=v) for k in range(10, 20) for v in (1, 2)))
    assert "names begin alike" in " ".join(doubts(cohort(raw), find_scans(cohort(raw))))
    one, other = (
        find_scans(cohort(layouts.tree(tmp_path / str(v), *(name.format(k=k, v=v) for k in range(10, 20)))))
        for v in (1, 2)
    )
    assert visits_of_others(one, other).startswith("10 of 10 people may be another at a second visit")
    assert visits_of_others(one[:5], one[5:]) is None


def test_the_commands_tell_them(tmp_path, capsys):
    for folder, names in (("real", ("01", "02")), ("train", ("1", "11", "12")), ("gen", ("g1", "g2"))):
        for k, name in enumerate(names):
            write(tmp_path / folder / f"sub-{name}_T1w.nii", head(20 * len(names) + k))
    folders = ["--real", tmp_path / "real", "--train", tmp_path / "train", "--generated", tmp_path / "real"]
    told = "real and train: 1 of 2 people may be another under a second spelling: 1 (sub-1_T1w.nii) and 01 "
    folders[-1] = tmp_path / "gen"
    (tmp_path / "gen/sub-g2_T1w.nii").unlink()  # one generated volume: it stops before anything is measured
    assert main(["evaluate", *map(str, folders), "--size", "16", "-o", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
    assert (
        main(["evaluate", *map(str, folders), "--size", "16", "-o", str(tmp_path / "out"), "--different-people"]) == 2
    )
    assert "second spelling" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "ends",
    ["_V1_T1 _V2_T1", "_pre_T1w_brain _post_T1w_brain", "_20100101_T1 _20110505_T1", "-tp1-brain -tp2-brain", "a b",
     "_T1 _T1_defaced", "_3T_T1w _7T_T1w", "_T1 _T1_2", "_T1 _T1_fu", "_T1 _T1_repeat", "_T1 _T1_20200101",
     "_T1_brain _T1_m12_brain", "_T1_brain _T1_brain_n4", "_brain _brain_2", "_T1 _T1_Eq_1",
     "-T1 -T1-rescan"],
)  # fmt: skip
def test_visits_are_seen_before_a_contrast_and_across_folders(tmp_path, ends):
    first, second = ends.split()
    both = layouts.tree(tmp_path / "both", *(f"P00{k}{end}.nii.gz" for k in (1, 2) for end in (first, second)))
    told = doubts(cohort(both), find_scans(cohort(both)))
    assert any("is a person of its own" in line or "at a second visit" in line for line in told.unsure), told
    real = find_scans(cohort(layouts.tree(tmp_path / "real", f"P001{first}.nii.gz", f"P007{first}.nii.gz")))
    train = find_scans(cohort(layouts.tree(tmp_path / "train", f"P001{second}.nii.gz", f"P009{second}.nii.gz")))
    line = visits_of_others(real, train)
    assert line.startswith("1 of 2 people may be another at a second visit: P001") and f"P001{second}.nii.gz" in line
    assert visits_of_others(real[1:], train) is None


@pytest.mark.parametrize(
    ("stems", "told"),
    [
        (["P1_T1", "P1_T1 (1)", "P2_T1"], "2 of 3 people"),
        (["T1_P1", "T1_P1_x", "T1_P2", "T1_P2_x"], "4 of 4 people"),
        (["P1_T1", "P1_T1_x", "P2_T1", "P2_T1_x", "P3_T1", "P4_T1"], "4 of 6 people"),
        (["anna", "anna_berg", "jon"], ""),
        (["P", *(f"P_{k}" for k in range(30))], ""),
        (["a1_T1", "a1_T1_2", "a1_T1_3", "b1_T1"], "3 of 4 people"),
    ],
)
def test_a_name_that_goes_on_after_that_of_another_may_be_a_visit(tmp_path, stems, told):
    raw = layouts.tree(tmp_path, *(f"{stem}.nii" for stem in stems))
    said = " ".join(doubts(cohort(raw), find_scans(cohort(raw))).unsure)
    assert told in said and bool(told) == bool(said)


def test_a_pattern_that_swallows_a_visit_is_told(tmp_path):
    tree = layouts.tree(
        tmp_path / "raw", *(f"sub0{k}_V{v}_T1.nii.gz" for k in (1, 2) for v in (1, 2)), "sub03_V1_T1.nii.gz"
    )
    chosen = cohort(tree).model_copy(update={"pattern": "sub{subject}_T1.nii.gz"})
    (line,) = [
        line for line in doubts(chosen, find_scans(chosen)) if "sub01_V1_T1.nii.gz and sub01_V2_T1.nii.gz" in line
    ]
    assert line.startswith("each of 5 scans is a person of its own, although names begin alike: ")


def test_images_of_another_ending_than_the_pattern_s_are_told(tmp_path):
    names = ["a_T1.nii.gz", "b_T1.nii.gz", "b_T1.nii", "c_T1.nii", "d_T1.NII.gz", "e_T2.nii"]
    chosen = cohort(layouts.tree(tmp_path / "raw", *names)).model_copy(update={"pattern": "{subject}_T1.nii.gz"})
    scans = find_scans(chosen)
    assert [scan.subject for scan in scans] == ["a", "b"]
    (line,) = [line for line in doubts(chosen, scans) if line.startswith("passed over: ")]
    assert line.startswith("passed over: 2 images") and "such as c_T1.nii;" in line
    for forgets in ("{subject}_T1", "{subject}_T2.nii.gz"):
        with pytest.raises(InputError, match="fits but for the ending; end it as the images end"):
            find_scans(chosen.model_copy(update={"pattern": forgets}))
    every = chosen.model_copy(update={"pattern": "{subject}_T1.*"})
    assert not [line for line in doubts(every, find_scans(every)) if line.startswith("passed over: ")]


SECOND_VISITS = (
    *("P{k}_MPRAGE_{year}0511150506_{v}", "P{k}_{year}0511150506_{v}_brain", "P{k}{year}0511", "sub-{k}{year}0511_T1w"),
    *(
        "P{k}_{year}_05_1{v}",
        "P{k}_1{v}-05-{year}",
        "P{k}_{year}-05-1{v}",
        "P{k}_{year}-{v:02d}",
        "P{k}_{year}_05_1{v}_neu",
    ),
    *(
        "TCGA-02-00{k}_{year}.05.1{v}_t1",
        "sub-{k}-ses-{v}",
        "sub-{k}-{v}_T1w",
        "sub-{k}ses-0{v}_T1w",
        "sub{k}ses{v}_T1w",
    ),
    *("sub-{k}V{v}_T1w", "S{k}V{v}", "sub-{k}M0{v}_T1w", "P{k}_session{v}", "P{k}_exam_{v}", "P{k}-MR{v}"),
)


@pytest.mark.parametrize("name", SECOND_VISITS)
def test_second_visits_are_told_by_what_ordinary_names_end_with(tmp_path, name):
    names = [name.format(k=k, v=v, year=2016 + k % 2 + v) for k in range(10, 22) for v in (1, 2)]
    raw = layouts.tree(tmp_path / "both", *(f"{stem}.nii.gz" for stem in names))
    (line,) = check(cohort(raw)).doubts
    assert line.startswith(("24 of 24 people may be another", "each of 24 scans is a person of its own")), line
    assert all(stem.removeprefix("sub-").removesuffix("_T1w") in line for stem in names[:2])
    once = check(cohort(layouts.tree(tmp_path / "once", *(f"{stem}.nii.gz" for stem in names[::2]))))
    assert once.n_people == 12 and not list(once.doubts)


@pytest.mark.parametrize(
    "name",
    [
        *("167{k}612_1{v}4{k}748_T1", "P0{k}_{v}7{k}1_T1", "P0{k}_{v}7{k}1", "MR1{v}2{k}_S0{k}"),  # numbers of exams
        *("20{k}-03-1{v}_{name}_T1", "20{k}031{v}_{name}", "18{v}3{k}_{name}"),
        *("T{v}6_P{k}_T1", "Y{v}_P{k}", "w{v}_0{k}", "FU{v}_P{k}_T1", "mri{v}_P{k}", "2{k}y{v}_T1", "P{k}w{v}2"),
    ],
)
def test_scans_with_numbers_or_dates_of_their_own_are_told(tmp_path, name):
    people = {k: f"M{chr(77 + k)}ller" for k in range(10, 22)}
    stems = [name.format(k=k, v=v, name=people[k]) for k in people for v in (1, 2)]
    layouts_and_patterns = (
        *(("files", "{}.nii", None), ("folders", "{}/brain.nii", "{subject}/brain.nii")),
        ("patterned", "{}_brain.nii", "{subject}_brain.nii"),
    )
    for folder, layout, pattern in layouts_and_patterns:
        raw = layouts.tree(tmp_path / folder, *map(layout.format, stems))
        lines = list(check(cohort(raw).model_copy(update={"pattern": pattern})).doubts)
        assert any("24 of 24 people may be" in line or "each of 24 scans is a person" in line for line in lines), lines
        once = layouts.tree(tmp_path / f"{folder} once", *map(layout.format, stems[::2]))
        assert not list(check(cohort(once).model_copy(update={"pattern": pattern})).doubts)


@pytest.mark.parametrize("name", ["{group}_{k}", "{group}{k}", "{group}_005{k:04d}", "V{k}", "m{k}", "scan{k}"])
def test_people_who_came_once_are_not_doubted(tmp_path, name):
    names = {name.format(group=group, k=k) for group in ("control", "patient") for k in range(1, 11)}
    assert not list(check(cohort(layouts.tree(tmp_path, *(f"{stem}.nii.gz" for stem in names)))).doubts)


def test_no_pattern_makes_people_of_months(tmp_path):
    names = [f"P{k:02d}_{2018 + v}-{(5 * k + 7 * v) % 12 + 1:02d}.nii.gz" for k in range(12) for v in (0, 1)]
    (line,) = check(cohort(layouts.tree(tmp_path, *names))).doubts
    assert "P00_2018-01 and P00_2019-08" in line and "{session}" not in line
