"""Runs that were damaged, mixed up or meant to do harm are refused in one line, before a folder is made."""

import contextlib
import json
import pickle
import shutil

import pytest
import torch
from factories import tiny_settings
from refusals import as_nobody, refused
from trainings import trained

from alphagan.__main__ import main

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n"


class Intruder:
    def __reduce__(self):
        return print, ("code of a run was run",)


def config(data):
    return lambda run: (run / "config.json").write_bytes(data)


def without(name):
    return lambda run: (run / name).unlink()


def folder(name):
    return lambda run: [(run / name).unlink(), (run / name).mkdir()]


def loop(name):
    return lambda run: [(run / name).unlink(), (run / name).symlink_to(name)]


def locked(name):
    return lambda run: (run / name).chmod(0)


def settings(change):
    """Change what config.json says."""

    def damage(run):
        content = json.loads((run / "config.json").read_text())
        change(content)
        (run / "config.json").write_text(json.dumps(content))

    return damage


def weights(change):
    """Change the bytes of weights.pt."""
    return lambda run: (run / "weights.pt").write_bytes(change((run / "weights.pt").read_bytes()))


def saved(content):
    return lambda run: torch.save(content, run / "weights.pt")


def states(change):
    """Change what weights.pt holds, as if a run had been written so."""

    def damage(run):
        settings(lambda config: config.pop("weights_sha256"))(run)
        content = torch.load(run / "weights.pt", weights_only=True)
        torch.save(change(content) or content, run / "weights.pt")

    return damage


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def early(run):
    """Weights of the same networks that are not this run's."""
    content = torch.load(run / "weights.pt", weights_only=True)
    torch.save({**content, "G_average": content["G_early"]}, run / "weights.pt")


def nan(content):
    next(iter(content["G_average"].values())).fill_(float("nan"))


AGAIN, TOGETHER = "train the model again", "put the weights.pt and the config.json of one run together"
CONFIG, WEIGHTS = "config.json: damaged or of another version", "run/weights.pt: "
NAME_IT = "name the folder of a finished run, models/COHORT/MODEL"

# What happens to a run, and words of the line.
REFUSED = {
    "missing": (shutil.rmtree, "run: no config.json", NAME_IT),
    "a file": (lambda run: [shutil.rmtree(run), run.write_text("x")], "run: is neither a folder nor", NAME_IT),
    "empty": (lambda run: [shutil.rmtree(run), run.mkdir()], "run: no config.json", NAME_IT),
    "no config.json": (without("config.json"), "run: no config.json", NAME_IT),
    "config.json a folder": (folder("config.json"), "config.json: cannot be read (Is a directory)", "train again"),
    "config.json not permitted": (locked("config.json"), "config.json: cannot be read (Permission", "make it readable"),
    "config.json empty": (config(b""), CONFIG, "train again"),
    "config.json cut short": (config(b'{"cohort": "ti'), CONFIG, "train again"),
    "config.json a list": (config(b"[]"), CONFIG, "there are no keys in it", "train again"),
    "config.json not UTF-8": (config(b'{"cohort": "\xfc"}'), CONFIG, "train again"),
    "config.json without end": (config(b"[" * 100_000), CONFIG, "train again"),
    "config.json of before there were models": (
        settings(lambda c: c.pop("model")),
        CONFIG,
        "(model",
        "is missing",
        "train again",
    ),
    "config.json of a later version": (
        settings(lambda c: c["model"].update(depth=3, mood=1)),
        "model.depth: unknown key",
    ),
    "config.json of another type": (
        settings(lambda c: c["model"].update(z_dim="8")),
        "z_dim: should be a valid integer",
    ),
    "config.json of a model that is none": (settings(lambda c: c.update(name="diffusion")), "'diffusion' is not alpha"),
    "config.json of a size that is none": (
        settings(lambda c: c.update(size=33)),
        CONFIG,
        "size: must be one of 16, 20",
    ),
    "config.json of another size": (settings(lambda c: c.update(size=32)), WEIGHTS, "G_average is not as", TOGETHER),
    "config.json of a huge code": (settings(lambda c: c["model"].update(z_dim=10**9)), WEIGHTS, "is not as", TOGETHER),
    "no voxel size": (settings(lambda c: c.pop("voxel_size_mm")), CONFIG, "voxel_size_mm is missing", "train again"),
    "two voxel sizes": (settings(lambda c: c.update(voxel_size_mm=[5, 6])), "should be three lengths, not [5, 6]"),
    "voxels of no size": (settings(lambda c: c.update(voxel_size_mm=[0, 6, 5])), "should be three lengths"),
    "voxels of NaN mm": (settings(lambda c: c.update(voxel_size_mm=[float("nan")] * 3)), "should be three lengths"),
    "weights of another run": (early, WEIGHTS, "not the weights that", TOGETHER),
    "no weights": (without("weights.pt"), WEIGHTS, "not found", AGAIN),
    "weights a folder": (folder("weights.pt"), WEIGHTS, "cannot be read (Is a directory)", AGAIN),
    "weights a link to itself": (loop("weights.pt"), WEIGHTS, "cannot be read (Too many levels", AGAIN),
    "weights not permitted": (locked("weights.pt"), WEIGHTS, "cannot be read (Permission denied)", AGAIN),
    "weights empty": (weights(lambda data: b""), WEIGHTS, "damaged", AGAIN),
    "weights cut short": (weights(lambda data: data[:-200]), WEIGHTS, "damaged", AGAIN),
    "weights cut to a beginning": (weights(lambda data: data[:500]), WEIGHTS, "damaged", AGAIN),
    "a bit of the weights changed": (weights(flipped), WEIGHTS, "damaged (the checksum of", AGAIN),
    "weights as text": (weights(lambda data: b"not weights"), WEIGHTS, "damaged", AGAIN),
    "weights a pointer of Git LFS": (weights(lambda data: LFS), WEIGHTS, "damaged", AGAIN),
    "weights that run code": (saved({"G_average": Intruder()}), WEIGHTS, "could run code", AGAIN),
    "a pickle that runs code": (weights(lambda data: pickle.dumps(Intruder())), WEIGHTS, "could run code", AGAIN),
    "weights a list": (saved([1, 2]), WEIGHTS, "damaged", AGAIN),
    "weights without G_average": (states(lambda s: {"G": s["G"]}), WEIGHTS, "has G, but alpha_wgan_gp has", TOGETHER),
    "weights of a model without E": (
        states(lambda s: {name: state for name, state in s.items() if name not in "EC"}),
        "but alpha_wgan_gp has G_average, G, G_early, E, D, C",
        TOGETHER,
    ),
    "weights one level deeper": (states(lambda s: {"state_dict": s}), "has state_dict, but alpha_wgan_gp", TOGETHER),
    "weights of E for those of G": (states(lambda s: s | {"G_average": s["E"]}), "G_average is not as", TOGETHER),
    "a network that is a number": (states(lambda s: s | {"G_average": 3}), "G_average is not as", TOGETHER),
    "weights that are NaN": (states(nan), WEIGHTS, "numbers of G_average are not finite", AGAIN),
}
N_CASES = len(REFUSED) + 1


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("root"), tiny_settings())


@pytest.fixture
def run(root, tmp_path):
    shutil.copytree(root / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("case", REFUSED)
def test_bad_runs_are_refused_in_one_line(root, run, capsys, case):
    damage, *says = REFUSED[case]
    damage(run)
    with as_nobody(run.parent) if "permitted" in case else contextlib.nullcontext():
        refused(["sample", run, "-n", 1, "-o", run.parent / "out"], run.parent, capsys, says)
        prepared = ["--prepared", root / "prepared"] if "permitted" not in case else []
        refused(["reconstruct", run, "-o", run.parent / "out", *prepared], run.parent, capsys)
    assert "was run" not in capsys.readouterr().out


def test_what_sampling_does_not_need_may_be_anything(run):
    (run / "history.csv").write_bytes(b"\0")
    assert main(["sample", str(run), "-n", "1", "-o", str(run.parent / "out")]) == 0
