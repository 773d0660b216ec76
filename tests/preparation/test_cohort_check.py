import re
from pathlib import Path

import layouts
import numpy as np
import pytest
import yaml
from scans import write

from alphagan.__main__ import main
from alphagan.generation.nifti import PLAIN
from alphagan.preparation.cohorts import tree
from alphagan.preparation.cohorts.check import check
from alphagan.settings.config import load

PROCESSING = "FreeSurfer_Cross-Sectional_Processing_brainmask"


def params(folder, section):
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump({"cohorts": {"mine": section}, "experiments": {}}))
    return str(path)


def run(path, name="mine"):
    return main(["cohort", "check", name, "--params", str(path)])


def brats_2018(folder, n=3):
    cases = [f"HGG/Brats18_CBICA_{k:03d}_1" for k in range(n)] + ["LGG/Brats18_TCIA09_141_1"]
    layouts.tree(folder, *(f"{case}/{case[4:]}_flair.nii.gz" for case in cases))
    return {"kind": "brats", "source": str(folder)}


def test_the_paper_s_210_people_are_as_expected(tmp_path, capsys):
    section = brats_2018(tmp_path / "raw", n=210)
    assert run(params(tmp_path, section)) == 0
    out = capsys.readouterr().out
    assert "210 FLAIR scans of 210 people in 210 sessions" in out and "missing: nothing" in out
    assert "paper: 210 people, the same" in out and "grade: HGG 210" in out
    (tmp_path / "raw/HGG/Brats18_CBICA_007_1/Brats18_CBICA_007_1_flair.nii.gz").unlink()
    assert run(params(tmp_path, section)) == 1
    assert "paper: 210 people, 209 found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("record", "samples"),
    [
        ("drawn/samples.json", ["drawn/sample-0000.nii", "drawn/sample-0001.nii"]),
        ("drawn/code/samples.json", [f"drawn/sub-syn000{k}/anat/sub-syn000{k}_T1w.nii" for k in range(2)]),
    ],
)
def test_generated_brains_among_a_cohorts_scans_are_told(tmp_path, capsys, record, samples):
    source = layouts.tree(tmp_path / "raw", "sub-01_T1w.nii", "sub-02_T1w.nii", *samples)
    path = params(tmp_path, {"kind": "nifti", "source": str(source)})
    run(path)
    assert "nobody's" not in capsys.readouterr().out  # nothing tells it
    (source / record).parent.mkdir(exist_ok=True)
    (source / record).write_text("{}")
    assert run(path) == 1
    said = f"2 of 4 scans, such as {source / samples[0]}, are nobody's: alphagan sample wrote them; move them out of"
    assert said in capsys.readouterr().out
    alone = params(tmp_path, {"kind": "nifti", "source": str(source / "drawn")})
    run(alone)
    assert "nobody's" not in capsys.readouterr().out  # on purpose
    assert Path(record).name == tree.RECORD == PLAIN.record  # what alphagan sample leaves is what is looked for


def test_what_the_user_expects_counts_before_the_paper(tmp_path, capsys):
    section = brats_2018(tmp_path / "raw")
    assert run(params(tmp_path, section | {"expected": 3})) == 0
    assert "expected: 3 scans, as expected" in capsys.readouterr().out
    assert run(params(tmp_path, section | {"expected": 4})) == 1
    assert "expected: 4 scans, but 3 found" in capsys.readouterr().out
    assert run(params(tmp_path, section | {"grade": "all"})) == 0  # not the paper's choice
    assert "grade: HGG 3, LGG 1" in capsys.readouterr().out


def test_adni_is_counted_in_scans_by_site_and_visit_and_rows_without_a_folder_are_named(tmp_path):
    rows, places = [], []
    for k in range(1, 5):
        for month, visit in ((1, "sc"), (7, "m06")):
            subject, image_id = f"00{k % 2}_S_000{k}", f"I{k}{month}"
            places.append(f"{subject}/{PROCESSING}/2006-0{month}-18_08_20_30.0/{image_id}/mri/brainmask.mgz")
            rows.append([image_id, subject, "CN", visit, f"{month}/18/2006"])
    source = layouts.tree(tmp_path / "raw", *places[:-2])
    layouts.write_table(source / "list.csv", ("Image Data ID", "Subject", "Group", "Visit", "Acq Date"), rows)
    section = {"kind": "freesurfer", "source": str(source), "selection": str(source / "list.csv")}
    report = check(layouts.cohort(section))
    assert (report.n_scans, report.n_people, report.n_sessions) == (6, 3, 6)
    assert report.paper == (991, "scans") and not report.as_expected
    assert report.tallies == {"site": {"000": 2, "001": 4}, "visit": {"m06": 3, "sc": 3}}
    assert [line.rpartition(" ")[2] for line in report.missing] == ["I41", "I47"]
    # A count that was expected makes up for no missing row.
    assert not check(layouts.cohort(section, expected=6)).as_expected
    assert check(layouts.cohort(section, visits=["sc"])).paper is None


def test_atlas_is_compared_in_scans_and_missing_tissue_maps_are_bad_input(tmp_path, capsys):
    names = [f"Site{k % 9 + 1}/{k}/t01/{{}}{k}_t1w_deface_stx.nii" for k in range(220)]
    source = layouts.tree(tmp_path / "raw", *(name.format(c) for name in names for c in ("", "c1", "c2", "c3")))
    path = params(tmp_path, {"kind": "atlas", "source": str(source)})
    assert run(path) == 0
    assert "paper: 220 scans, the same" in capsys.readouterr().out
    # The whole release has nine scans more, of people who came again.
    layouts.tree(source, *(f"Site1/0/t02/{c}0_t1w_deface_stx.nii" for c in ("", "c1", "c2", "c3")))
    assert run(path) == 1
    out = capsys.readouterr().out
    assert "221 T1w scans of 220 people in 221 sessions" in out and "paper: 220 scans, 221 found" in out
    assert "visit: t01 220, t02 1" in out
    path = params(tmp_path, {"kind": "atlas", "source": str(source), "sessions": ["t01"]})
    assert run(path) == 0
    capsys.readouterr()
    (source / names[7].format("c3")).unlink()
    assert run(path) == 2
    assert "1 of 220 scans lack tissue maps" in capsys.readouterr().err


def test_missing_masks_and_empty_links_are_named(tmp_path, capsys):
    source = layouts.tree(tmp_path / "raw", *(f"{k}_T1.nii" for k in range(14)), "0_mask.nii")
    (source / "13_T1.nii").unlink()
    (source / "13_T1.nii").symlink_to(tmp_path / "annex" / "not-fetched")
    section = {"kind": "nifti", "source": str(source), "pattern": "{subject}_T1.nii"}
    path = params(tmp_path, section | {"mask_pattern": "{subject}_mask.nii"})
    assert run(path) == 1
    out = capsys.readouterr().out
    assert "missing: 14" in out and f"no mask: {source / '1_mask.nii'}" in out and "  and 4 more" in out
    (line,) = (line for line in check(load(path).cohorts["mine"]).missing if "link" in line)
    assert line.startswith(f"{source / '13_T1.nii'}: link to nothing: the image's content is not here; get it (datalad")


@pytest.mark.parametrize("by", ["{subject}", "{subject}_ses-{session}"])
def test_a_mask_that_serves_several_visits_is_told(tmp_path, by):
    names = [f"sub-{k}_ses-{v}_T1w.nii" for k in range(3) for v in (1, 2)]
    masks = [f"sub-{k}{f'_ses-{v}' if 'session' in by else ''}_mask.nii" for k in range(3) for v in (1, 2)]
    section = {"kind": "nifti", "source": str(layouts.tree(tmp_path / "raw", *names, *dict.fromkeys(masks)))}
    section |= {"pattern": "sub-{subject}_ses-{session}_T1w.nii", "mask_pattern": f"sub-{by}_mask.nii"}
    told = [line for line in check(load(params(tmp_path, section)).cohorts["mine"]).doubts if "masks serve" in line]
    assert [line[:65] for line in told] == ["3 masks serve several scans each, such as sub-0_mask.nii for sub-"] * (
        "session" not in by
    )


def test_the_default_params_are_as_expected(capsys):
    assert main(["cohort", "check", next(iter(load("params.yaml").cohorts))]) == 0
    assert "(template): " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "section", "message"),
    [
        ("other", {"kind": "bids", "source": "data"}, "cohort 'other' is not under cohorts (known: mine)"),
        ("mine", {"kind": "bids", "source": "no/such/folder"}, "no/such/folder: no such folder"),
        ("mine", {"kind": "bids", "source": "data", "spaces": "MNI"}, "cohorts.mine.spaces: unknown key"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path, capsys, name, section, message):
    assert run(params(tmp_path, section), name) == 2
    error = capsys.readouterr().err
    assert re.search(message.replace("(", r"\(").replace(")", r"\)"), error) and error.count("\n") == 1


def test_a_whole_cohort_of_each_kind_is_as_expected(tmp_path):
    for layout in (layouts.subjects_dir, layouts.adni, layouts.bids):
        folder = tmp_path / layout.__name__
        assert check(layouts.cohort(layout(folder, n=2))).as_expected
    for layout, keys in ((layouts.atlas, {"release": "R2.0"}), (layouts.brats, {"release": 2020})):
        report = check(layouts.cohort(layout(tmp_path / layout.__name__, n=2, **keys)))
        assert report.as_expected and report.n_people == 2


@pytest.mark.parametrize("axes", ["RAS", "LPI", "SAL"])
@pytest.mark.parametrize("n_there", [0, 2, 5])
def test_scans_on_the_template_s_grid_among_others_are_told(tmp_path, capsys, n_there, axes):
    there, elsewhere = np.diag([2.0, 2, 2, 1]), np.diag([2.0, 2, 2, 1])
    there[:3, 3], elsewhere[:3, 3] = (-90, -126, -72), (-90, -100, -110)
    for k in range(5):
        volume = np.zeros((91, 109, 91), np.uint8)
        write(tmp_path / f"raw/sub-{k}_T1w.nii.gz", volume, there if k < n_there else elsewhere, axes)
    assert run(params(tmp_path, {"kind": "nifti", "source": str(tmp_path / "raw")})) == 0
    out = capsys.readouterr().out
    assert ("2 of 5 scans, such as " in out) == (" 91, and the others do not" in out) == (n_there == 2)
    assert ("MNI template" in out) == (n_there == 2)


@pytest.mark.parametrize(("n_there", "told"), [(0, False), (2, False), (3, True), (7, False)])
def test_people_on_one_grid_among_others_are_told_whatever_template_it_is_of(tmp_path, capsys, n_there, told):
    for k in range(7):  # SPM's normalised grid, which is not in the list of templates
        affine = np.diag([2.0, 2, 2, 1])
        affine[:3, 3] = (-78, -112, -70) if k < n_there else (-80 - k, -100, -70)
        write(tmp_path / f"raw/sub-{k}_T1w.nii.gz", np.zeros((79, 95, 79), np.uint8), affine, "RAS")
    assert run(params(tmp_path, {"kind": "nifti", "source": str(tmp_path / "raw")})) == 0
    assert ("3 of 7 scans, such as " in (out := capsys.readouterr().out)) == ("79 × 95 × 79" in out) == told
