"""A params.yaml that is wrong is refused in one line that names line or key; what only looks unusual is read."""

import contextlib

import pytest
from refusals import as_nobody, refused

from alphagan.settings import config

GOOD = """cohorts:
  mine: {kind: nifti, source: raw}
experiments:
  run: {cohort: mine, model: alpha_wgan_gp}
prepare: {size: 16}
"""


def put(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


def add(line):
    return f"{GOOD}{line}\n"


def prepare(keys):
    return put("{size: 16}", f"{{size: 16, {keys}}}")


def cohort(keys):
    return put("source: raw", f"source: raw, {keys}")


def experiment(keys):
    return put("model: alpha_wgan_gp", f"model: alpha_wgan_gp, {keys}")


BOMB = "b0: &b0 [x, x]\n" + "".join(f"b{n}: &b{n} [*b{n - 1}, *b{n - 1}]\n" for n in range(1, 40))

# The file, and words of the line.
REFUSED = {
    "indented with a tab": (put("  mine", "\tmine"), "line 2", "spaces, not with tabs"),
    "a section twice": (add("prepare: {size: 32}"), "line 6: prepare is there twice, first in line 5", "keep one"),
    "a key twice": (prepare("size: 32"), "line 5: size is there twice", "keep one"),
    "a cohort twice": (put("exp", "  mine: {kind: nifti, source: x}\nexp"), "line 3: mine is there twice"),
    "two cohorts that differ in case": (
        put("exp", "  MINE: {kind: nifti, source: x}\nexp"),
        "cohorts.MINE: differs from mine in case alone",
    ),
    "two experiments that differ in case": (
        put("prepare", "  RUN: {cohort: mine, model: alpha_gan}\nprepare"),
        "experiments.RUN: differs from run in case alone",
    ),
    "a date that there is not": (put("raw", "2019-13-01"), "not valid YAML: month must be in 1..12", "in quotes"),
    "a cohort that is called so": (put("mine:", "'2019-13-01':"), "'2019-13-01' is no name that DVC can hand on"),
    "a number that is none": (put("16", "0x_"), "not valid YAML: invalid literal for int()", "in quotes"),
    "two models that differ in case": (
        put("prepare", "  two: {cohort: mine, model: ALPHA}\nprepare")
        .replace("ALPHA", "alpha_gan_A")
        .replace("model: alpha_wgan_gp}", "model: alpha_gan_a}"),
        "experiments.two: same cohort and model as run",
    ),
    "eighths of a cube that has none": (
        put("16", "24").replace("model: alpha_wgan_gp", "model: wgan_gp, departures: [patch_critic]"),
        "experiments.run: patch_critic takes a prepare.size of 16, 32, 64, 128 or 256, not 24",
    ),
    "a shift out of the cube": (
        add("model: {critic_shift: 5}"),
        "model.critic_shift is more than a quarter of prepare.size, 16",
    ),
    "a hole of no voxel": (add("model: {critic_cutout: 0.01}"), "model.critic_cutout is less than a voxel of 16"),
    "fewer than no workers": (prepare("workers: -7"), "prepare.workers: should be greater than or equal to -1"),
    "a bracket left open": (put("16}", "16"), "line 6", "brackets"),
    "braces without quotes": (cohort("pattern: {subject}.nii"), "line 2", "stands in quotes"),
    "typographic quotes": (cohort("pattern: “{subject}.nii”"), "line 2", "quotes"),
    "an alias without anchor": (put("raw", "*raw"), "line 2: found undefined alias 'raw'", "write it out"),
    "a tag that runs code": (put("raw", "!!python/object/apply:os.getcwd []"), "line 2", "without its ! tag"),
    "two documents": (f"{GOOD}---\n{GOOD}", "line 6", "mend it there"),
    "brackets without end": ("[" * 3000, "nested too deeply", "close brackets"),
    "aliases that multiply": (BOMB, "b0: unknown key"),
    "empty": ("", "is empty", "copy a file of presets/"),
    "comments alone": ("# cohorts:\n", "is empty", "copy a file of presets/"),
    "a list": ("- cohorts\n", "expected sections such as cohorts:", "found a list"),
    "a word": ("cohorts\n", "expected sections such as cohorts:", "found text"),
    "not UTF-8": (put("raw", "M\xfcller").encode("latin-1"), "line 2 is not UTF-8", "save the file as UTF-8"),
    "UTF-16": (GOOD.encode("utf-16"), "line 1 is not UTF-8", "save the file as UTF-8"),
    "zero bytes": (GOOD.encode() + b"\0", "not valid YAML", "save the file as plain UTF-8"),
    "a key that is nearly one": (put("size: 16", "sise: 16"), "prepare.sise: unknown key", "did you mean size?"),
    "a section that is nearly one": (add("trian: {lr: 0.1}"), "trian: unknown key", "did you mean train?"),
    "a key of the recent past": (add("train: {learning_rate: 0.1}"), "train.learning_rate: unknown key"),
    "a key like none": (add("model: {foo: 1}"), "model.foo: unknown key", "known here: z_dim, width"),
    "no space after a colon": (put("size: 16", "size:16"), "prepare.size:16: unknown key", "did you mean size?"),
    "a cohort's key that is nearly one": (cohort("modalty: T1w"), "cohorts.mine.modalty", "did you mean modality?"),
    "an override that is nearly a key": (
        experiment("overrides: {train: {iteration: 1}}"),
        "experiments.run.overrides.train.iteration: unknown key",
        "did you mean iterations?",
    ),
    "an override of no section": (experiment("overrides: {tain: {lr: 1}}"), "overrides.tain", "'model' or 'train'"),
    "an override below 0": (experiment("overrides: {train: {lr: -1.0}}"), "overrides.train.lr", "greater than 0"),
    "a section without keys": (add("train:"), "train: should have keys below it, not null", "leave it out"),
    "a cohort that is a path": (put("{kind: nifti, source: raw}", "raw"), "cohorts.mine: should have keys below it"),
    "cohorts as a list": (put("  mine:", "  - mine:"), "cohorts: should have keys below it"),
    "no cohorts": ("experiments: {}\n", "cohorts: is missing", "add it"),
    "a cohort without source": (put(", source: raw", ""), "cohorts.mine.source: is missing", "add it"),
    "a cohort without kind": (put("kind: nifti, ", ""), "cohorts.mine.kind: is missing", "such as nifti"),
    "a kind that is none": (put("nifti", "dicom"), "cohorts.mine.kind: 'dicom' is none of 'template', 'nifti'"),
    "a source that is a number": (put("raw", "5"), "cohorts.mine.source: should be a valid string", "in quotes"),
    "text for a number": (put("16", "large"), "prepare.size: should be a valid integer, not 'large'"),
    "a fraction for a number": (
        add("train: {batch_size: 4.5}"),
        "train.batch_size: should be a valid integer, not 4.5",
    ),
    "yes for a number": (put("16", "yes"), "prepare.size: should be a valid integer, not true"),
    "text for a number of people": (
        put("nifti", "template, n_subjects: many"),
        "cohorts.mine.n_subjects: should be a valid integer, not 'many'",
    ),
    "a number without a point": (add("train: {lr: 1e-4}"), "train.lr: '1e-4' is text to YAML", "1.0e-4"),
    "a decimal comma": (prepare("min_brain_ml: '0,5'"), "prepare.min_brain_ml: '0,5' is text", "decimal point"),
    "NaN": (add("train: {lr: .nan}"), "train.lr: should be a finite number, not nan"),
    "infinity": (add("model: {lambda1: .inf}"), "model.lambda1: should be a finite number, not inf"),
    "infinite millilitres": (prepare("min_brain_ml: .inf"), "prepare.min_brain_ml: should be a finite number"),
    "below 0": (add("train: {lr: -0.1}"), "train.lr: should be greater than 0, not -0.1"),
    "no iterations": (add("train: {iterations: 0}"), "train.iterations: should be greater than or equal to 1, not 0"),
    "a seed below 0": (add("train: {seed: -1}"), "train.seed: should be greater than or equal to 0, not -1"),
    "a seed beyond all generators": (add(f"features: {{seed: {10**30}}}"), "features.seed: should be less than"),
    "a batch of one": (add("train: {batch_size: 1}"), "train.batch_size: should be greater than or equal to 2, not 1"),
    "a batch that devices cannot share": (add("train: {devices: 3}"), "4 is not a multiple of devices: 3"),
    "three betas": (add("train: {betas: [0.1, 0.9, 0.9]}"), "train.betas: expects [beta1, beta2]"),
    "a device that is none": (add("train: {device: gpu}"), "train.device: should be 'auto', 'cpu' or 'cuda'"),
    "a size that has no networks": (put("16", "50"), "prepare.size: must be one of 16, 20, 24"),
    "splits of more than all": (prepare("split: {val: 0.6, test: 0.6}"), "val + test must be below 1"),
    "splits of all": (prepare("split: {val: 0.5, test: 0.5}"), "prepare.split: val + test must be below 1"),
    "a split above 1": (prepare("split: {test: 1.5}"), "prepare.split.test: should be less than 1, not 1.5"),
    "a percentile above 100": (
        prepare("upper_percentile: 101.0"),
        "upper_percentile: should be less than or equal to 100",
    ),
    "a percentile as a fraction": (prepare("upper_percentile: 0.999"), "should be greater than 50, not 0.999"),
    "workers: none": (prepare("workers: 0"), "prepare.workers: must be a number of processes, or -1"),
    "a field of view that is not used": (prepare("field_of_view_mm: 192.0"), "only has a meaning with fit: pad"),
    "a way to fit that is none": (prepare("fit: padd"), "prepare.fit: should be 'stretch' or 'pad', not 'padd'"),
    "intensities upside down": (cohort("augment: {intensity: [1.0, 0.7]}"), "augment.intensity: expects [low, high]"),
    "axes that are none": (cohort("orientation: LLS"), "cohorts.mine.orientation: expects three letters", "LPS"),
    "a background that is none": (cohort("background: .nan"), "cohorts.mine.background: should be a finite number"),
    "a pattern without people": (cohort("pattern: '*.nii'"), "pattern: '*.nii' has no {subject}", "write it where"),
    "a pattern with another word": (cohort("pattern: '{sub}.nii'"), "broken placeholder", "known are {subject}"),
    "a model that is none": (
        put("alpha_wgan_gp", "diffusion"),
        "experiments.run.model: 'diffusion' is not alpha_wgan_gp",
    ),
    "a departure of another model": (experiment("departures: [patch_critic]"), "not one that alpha_wgan_gp has (dead"),
    "a cohort that is not defined": (put("cohort: mine", "cohort: mime"), "'mime' is not under cohorts (known: mine)"),
    "a paper's cohort that is not defined": (add("paper: {normal: mime}"), "paper.normal: 'mime' is not under cohorts"),
    "two experiments in one folder": (
        put("prepare:", "  again: {cohort: mine, model: alpha_wgan_gp}\nprepare:"),
        "experiments.again: same cohort and model as run",
    ),
    "a source that is a file": (put("source: raw", "source: params.yaml"), "is a file", "name the folder"),
    "a source that is missing": (put("source: raw", "source: rwa"), "rwa: no such folder", "link it: ln -s"),
    "a source below ~": (put("source: raw", "source: ~/raw"), "~ stands for nothing here", "write the folder out"),
}
FILES = {
    "missing": (lambda path: None, "no such file", "name one with --params"),
    "a folder": (lambda path: path.mkdir(), "cannot be read (Is a directory)", "with --params"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be read (Too many levels", "with --params"),
    "not permitted": (lambda path: write(path, GOOD).chmod(0), "cannot be read (Permission denied)", "with --params"),
}
READ = {
    "a byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "lines that end as on Windows": GOOD.replace("\n", "\r\n"),
    "blank lines at the end": f"{GOOD}\n\n \n",
    "umlauts": f"{GOOD}# Müller\n",
    "a merged key that is changed": put("{cohort: mine,", "&run {cohort: mine,")
    + ("train: &train {lr: 0.1, seed: 1}\nfeatures: {<<: *train, seed: 2}\n"),
    "JSON": '{"cohorts": {"mine": {"kind": "nifti", "source": "raw"}}, "experiments": {}}',
}
N_CASES = len(REFUSED) + len(FILES) + len(READ)


def write(path, content):
    (path.parent / "raw").mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "params.yaml"


@pytest.mark.parametrize("case", REFUSED)
def test_bad_params_are_refused_in_one_line(path, capsys, case):
    content, *says = REFUSED[case]
    write(path, content)
    refused(["cohort", "check", "mine"], path.parent, capsys, says)


@pytest.mark.parametrize("case", FILES)
def test_a_params_file_that_cannot_be_read_is_refused_in_one_line(path, capsys, case):
    make, *says = FILES[case]
    make(path)
    with as_nobody(path.parent) if case == "not permitted" else contextlib.nullcontext():
        refused(["cohort", "check", "mine", "--params", "params.yaml"], path.parent, capsys, says)


@pytest.mark.parametrize("case", READ)
def test_params_that_only_look_unusual_are_read(path, case):
    assert config.load(write(path, READ[case])).cohorts["mine"].source == "raw"
