"""Folders that cannot be compared, and options that mean nothing, are refused in one line; nothing is written."""

import numpy as np
import pytest
from folders import fill
from refusals import refused
from scans import head, text, truncated, write

BOTH = ["--real", "REAL", "--generated", "GENERATED"]
REAL = ["--real", "REAL", "--generated", "g"]
OUT = ["-o", "out"]


def each(make):
    """Three generated volumes that are all written so."""

    def fill_with(folder):
        (folder / "g").mkdir()
        for number in range(3):
            make(folder / "g" / f"{number}.nii.gz")

    return fill_with


def stored(change):
    return each(lambda path: write(path, change(head())))


def held(name, content="x"):
    """A folder of generated volumes with this one file, or a file in its place."""

    def make(folder):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)

    return make


def nothing(folder):
    pass


# What lies there, the options, and words of the line.
REFUSED = {
    "missing": (nothing, REAL, "g: no such folder", "link it: ln -s"),
    "a file": (held("g"), REAL, "g: is a file", "name the folder"),
    "a link to itself": (lambda folder: (folder / "g").symlink_to("g"), REAL, "cannot be reached (Too many", "check"),
    "empty": (lambda folder: (folder / "g").mkdir(), REAL, "g: no NIfTI file in it", "check the folder"),
    "the real scans again": (
        nothing,
        ["--real", "REAL", "--generated", "REAL"],
        "as --real and as --generated",
        "name",
    ),
    "the real scans for training": (nothing, [*BOTH, "--train", "REAL"], "subject 200 is in", "take the person out"),
    "arrays of numpy": (held("g/a.npy"), REAL, "g: no NIfTI file in it", "check the folder"),
    "pictures": (held("g/a.png"), REAL, "g: no NIfTI file in it", "check the folder"),
    "DICOM": (
        held("g/a.dcm"),
        REAL,
        "a.dcm: is of a format or an ending that is not read",
        "convert to NIfTI (dcm2niix",
    ),
    "one volume": (lambda folder: fill(folder / "g", [300], "{}.nii"), REAL, "1 generated volume", "generate more"),
    "text": (each(text), REAL, "g: none of its 3 scans passes", "0.nii.gz: unreadable", "copy or download it again"),
    "cut short": (each(truncated), REAL, "0.nii.gz: unreadable: the image is cut short", "copy or download it again"),
    "four dimensions": (stored(lambda x: np.stack([x] * 2, -1)), REAL, "34 x 42 x 36 x 2, not one volume", "take one"),
    "all zero": (stored(lambda x: x * 0), REAL, "0.nii.gz: empty: every voxel is zero", "make it anew"),
    "all NaN": (stored(lambda x: x * np.float32(np.nan)), REAL, "not finite: every voxel", "make it anew"),
    "masks": (stored(lambda x: (x > 0).astype(np.uint8)), REAL, "looks like a mask: only 2 values", "give the scan"),
    "two real people": (
        lambda folder: fill(folder / "r", [200, 201]),
        ["--real", "r", "--generated", "GENERATED"],
        "scans of 2 people; evaluation needs 4",
        "add scans",
    ),
    "a pattern that fits none": (nothing, [*BOTH, "--pattern", "x{subject}.nii"], "fits 'x{subject}.nii'", "--pattern"),
    "a generated pattern that fits none": (
        nothing,
        [*BOTH, "--generated-pattern", "x{subject}.nii"],
        "no NIfTI file that fits 'x{subject}.nii'",
        "check --generated-pattern",
    ),
    "a pattern with another word": (nothing, [*BOTH, "--pattern", "{sub}.nii"], "broken placeholder", "known are {sub"),
    "a pattern with a range backwards": (nothing, [*BOTH, "--pattern", "[z-a]{subject}"], "means nothing", "pattern: "),
    "another contrast": (nothing, [*BOTH, "--modality", "T2w"], "no T2w found, but names tell 14 T1w", "set the mod"),
    "a contrast that is none": (nothing, [*BOTH, "--modality", "a b"], "modality: should be made of letters, digits"),
    "a size that has no networks": (nothing, [*BOTH, "--size", 33], "prepare.size: must be one of 16, 20"),
    "a seed below 0": (nothing, [*BOTH, "--seed", -1], "seed: should be greater than or equal to 0, not -1"),
    "a seed beyond all generators": (nothing, [*BOTH, "--seed", 10**30], "seed: should be less than"),
    "a background that is none": (nothing, [*BOTH, "--background", "nan"], "background: should be a finite number"),
    "two axes": (nothing, [*BOTH, "--orientation", "LP"], "orientation: expects three letters", "such as LPS"),
    "an axis twice": (nothing, [*BOTH, "--orientation", "LLS"], "orientation: expects three letters", "such as LPS"),
    "axes in small letters": (nothing, [*BOTH, "--orientation", "lps"], "orientation: expects three letters", "LPS"),
    "a device that is none": (nothing, [*BOTH, "--device", "gpu"], "--device gpu: torch cannot use", "cpu is always"),
    "a device that is not there": (nothing, [*REAL, "--device", "cuda:99"], "--device cuda:99", "cpu is always there"),
    "no weights of Med3D": (nothing, [*BOTH, "--med3d", "m.pth"], "m.pth: not found", "download resnet_50_23dataset"),
    "text for weights of Med3D": (
        held("m.pth"),
        [*BOTH, "--med3d", "m.pth"],
        "m.pth: damaged, or it holds",
        "download resnet",
    ),
    "different people without training": (nothing, [*BOTH, "--different-people"], "name them with --train"),
    "an output that is a file": (held("out"), BOTH, "out: holds something already", "name a new or an empty folder"),
    "an output that holds something": (held("out/mine.txt"), BOTH, "holds something already", "an empty folder"),
    "an output that is a link to itself": (
        lambda folder: (folder / "out").symlink_to("out"),
        BOTH,
        "out: holds something already",
        "an empty folder",
    ),
    "an output in a file": (held("o"), [*BOTH, "-o", "o/out"], "could not be written (Not a directory)"),
    "neither cohort nor folders": (nothing, None, "name a cohort, or folders"),
    "a cohort and folders": (nothing, ["normal", *BOTH], "--real: is for folders of scans", "leave one of the two out"),
    "a cohort and a pattern": (nothing, ["normal", "--train-pattern", "a"], "--train-pattern: is for folders of scans"),
    "no generated volumes": (
        nothing,
        ["--real", "REAL"],
        "--generated: is missing",
        "--real, --generated and --output",
    ),
    "params with folders": (nothing, [*BOTH, "--params", "d"], "--params: is for cohorts", "by options alone"),
    "a cohort without params": (nothing, ["normal", "--params", "p.yaml"], "p.yaml: no such file", "--params"),
}
N_CASES = len(REFUSED) + 1


@pytest.mark.parametrize("case", REFUSED)
def test_bad_folders_and_options_are_refused_in_one_line(real, generated, tmp_path, monkeypatch, capfd, case):
    make, options, *says = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    make(tmp_path)
    named = {"REAL": real, "GENERATED": generated, "g": tmp_path / "g", "r": tmp_path / "r"}
    options = [] if options is None else [named.get(option, option) for option in options]
    wanted = [] if not options or ("--params" in options and "normal" in options) else OUT
    refused(["evaluate", *wanted, *options], tmp_path, capfd, says)


def test_an_output_that_is_not_named_is_asked_for(tmp_path, capsys):
    refused(["evaluate", "--real", "a", "--generated", "b"], tmp_path, capsys, ["--output: is missing"])
