"""Groups of people, as those of a site, that names may make one person of."""

import layouts
import pytest

from alphagan.preparation.cohorts.check import check

SITES = ("MUC", "BER", "BON", "HAM", "KOL", "ULM")


def checked(folder, files, **section):
    return check(layouts.cohort({"kind": "nifti", "source": str(layouts.tree(folder, *files)), **section}))


@pytest.mark.parametrize(
    ("name", "pattern", "n_now", "better", "n_then"),
    [
        ("{site}_{k:03d}_V{v}_T1w", "{subject}_{session}_T1w", 6, "{subject}_V{session}_T1w", 18),
        ("{site}_{k:02d}_V{v}_T1w", "{subject}_{session}_T1w", 6, "{subject}_V{session}_T1w", 18),
        ("00{n}_S_000{k}_m{v}2_brain", "{subject}_{session}_brain", 6, "{subject}_m{session}_brain", 18),
        ("OAS2_0{n}{k}_MR{v}_brain", "{subject}_{session}_brain", 1, "{subject}_MR{session}_brain", 18),
        ("{site}_{n}0{k}_T1_brain", "{subject}_{session}_brain", 6, "{subject}_T1_brain", 18),
        ("0{n}-00{k}-V{v}", "{subject}-{session}", 6, "{subject}-V{session}", 18),
    ],
)
def test_a_pattern_that_makes_one_person_of_a_group_is_told(tmp_path, name, pattern, n_now, better, n_then):
    told = {name.format(site=site, n=n, k=k, v=v) for n, site in enumerate(SITES, 1) for k in (1, 2, 3) for v in (1, 2)}
    files = [f"{stem}.nii.gz" for stem in sorted(told)]
    report = checked(tmp_path, files, pattern=f"{pattern}.nii.gz")
    (line,) = (line for line in report.doubts if line.startswith("the pattern makes"))
    assert report.n_people == n_now and f"the pattern makes {n_now} people of {len(files)} scans" in line
    assert line.endswith(f"give {better}.nii.gz")
    mended = checked(tmp_path, files, pattern=f"{better}.nii.gz")
    assert mended.n_people == n_then and not [line for line in mended.doubts if "the pattern makes" in line]


@pytest.mark.parametrize("session", ["{v}", "2018-05-1{v}", "ses-{v}_run-1", "V{v}_T1", "2018_05_1{v}", "1_{v}"])
def test_visits_of_people_are_left_to_them(tmp_path, session):
    files = [f"P{k:02d}_{session.format(v=v)}_brain.nii.gz" for k in range(12) for v in (1, 2)]
    report = checked(tmp_path, files, pattern="{subject}_{session}_brain.nii.gz")
    assert report.n_people == 12 and not list(report.doubts)


@pytest.mark.parametrize("kind", ["freesurfer", "nifti"])
@pytest.mark.parametrize(
    "folders", [[f"{site}_V0{k}" for site in SITES for k in range(1, 5)], [f"HC_V{k:03d}" for k in range(9)]]
)
def test_numbers_of_people_that_freesurfer_s_folders_tell_visits_by_are_told(tmp_path, kind, folders):
    report = checked(tmp_path, [f"{folder}/mri/brainmask.mgz" for folder in folders], kind=kind)
    assert any("if these are people of a group, rename their folders, such as sub-" in line for line in report.doubts)


@pytest.mark.parametrize("kind", ["freesurfer", "nifti"])
@pytest.mark.parametrize("visits", [("_1", "_2"), ("_w00", "_w52"), ("-1", "-2"), ("_y0", "_y2")])
def test_visits_of_freesurfer_s_folders_that_are_not_known_are_told(tmp_path, kind, visits):
    files = [f"P{k:02d}{visit}/mri/brainmask.mgz" for k in range(14) for visit in visits]
    (line,) = checked(tmp_path, files, kind=kind).doubts
    assert line.startswith("each of 28 scans is a person of its own") and f"P00{visits[0]} and P00{visits[1]}" in line
    known = checked(tmp_path / "known", [f"bert_visit{k}/mri/brainmask.mgz" for k in (1, 2, 3)], kind=kind)
    assert known.n_people == 1 and not list(known.doubts)


@pytest.mark.parametrize("name", ["{site}-{k:03d}-V1", "{site}_{k:03d}", "{site}-{k:03d}_T1_brain", "{site}_51{k:03d}"])
def test_numbers_of_people_within_sites_are_no_visits(tmp_path, name):
    files = [f"{name.format(site=site, k=k)}.nii.gz" for site in ("01", "02", "03") for k in range(1, 9)]
    assert not list(checked(tmp_path, files).doubts)
