"""A finished run is gone on from where more iterations are all that is asked for, and never in silence."""

import json
import os
import subprocess
import sys

import pytest
import torch
from factories import digests
from trainings import draw, fit, params, whole_run

from alphagan.training import resume


def weights(folder):
    return torch.load(folder / "weights.pt", weights_only=True)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("early_fraction", [0.2, 0.9])
def test_more_iterations_go_on_to_what_a_fresh_run_gives(tmp_path, prepared, capsys, early_fraction):
    more = {"early_fraction": early_fraction, "sample_every": 3, "on_sample": draw}
    fit(tmp_path, iterations=5, **more)
    assert capsys.readouterr().err == ""
    fit(tmp_path, iterations=10, **more)
    kept = "; G_early stays that of iteration 1" if early_fraction == 0.2 else ""
    assert capsys.readouterr().err == (
        f"tiny alpha_wgan_gp: goes on from iteration 5 of 10, which a run of 5 reached{kept}\n"
    )
    fit(tmp_path, "fresh", iterations=10, **more)
    longer, fresh = (whole_run(tmp_path / name) for name in ("run", "fresh"))
    if early_fraction == 0.9:  # kept after the shorter run had ended
        assert longer == fresh
        return
    assert {name for name in fresh if longer.get(name) != fresh[name]} == {"config.json", "weights.pt"}
    longer, fresh = weights(tmp_path / "run"), weights(tmp_path / "fresh")
    assert {name for name in fresh if not same(longer[name], fresh[name])} == {"G_early"}
    told = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (told["early_iteration"], told["train"]["iterations"]) == (1, 10)


def test_fewer_iterations_start_anew_and_say_so_first(tmp_path, prepared, capsys):
    fit(tmp_path, iterations=6)
    fit(tmp_path, iterations=4)
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path / 'run'}: a finished run of another configuration (train.iterations 6 -> 4), ")
    fit(tmp_path, "fresh", iterations=4)
    assert whole_run(tmp_path / "run") == whole_run(tmp_path / "fresh")


def test_a_learning_rate_that_falls_to_the_end_is_not_gone_on_from(tmp_path, prepared, capsys):
    fit(tmp_path, iterations=4, lr_decay=0.5)
    fit(tmp_path, iterations=6, lr_decay=0.5)
    said = capsys.readouterr().err
    assert "(train.iterations 4 -> 6; train.lr_decay spreads the fall" in said and "starting anew" in said
    fit(tmp_path, "fresh", iterations=6, lr_decay=0.5)
    assert whole_run(tmp_path / "run") == whole_run(tmp_path / "fresh")


def test_changed_code_trains_anew(tmp_path, prepared, capsys, monkeypatch):
    fit(tmp_path, iterations=2)
    monkeypatch.setattr(resume, "code", lambda: "0123456789ab")
    fit(tmp_path, iterations=2)
    said = capsys.readouterr().err
    assert "(trained by other code, or its checkpoints are gone), replaced once this one has finished" in said
    fit(tmp_path, iterations=2)
    assert "goes on from iteration 2 of 2" in capsys.readouterr().err


def test_comments_and_layout_are_no_other_code(tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "PACKAGE", tmp_path)
    found = []
    for text in ("x = 1\n", "x = (1)  # one\n\n", "x = 2\n"):
        (tmp_path / "seeding.py").write_text(text)
        resume.code.cache_clear()
        found.append(resume.code())
    resume.code.cache_clear()
    assert found[0] == found[1] != found[2]


@pytest.mark.slow
def test_threads_of_the_environment_do_not_count(tmp_path):
    """Where train.threads fixes their number, as the pipeline's settings do, and whatever the folder is called."""
    runs = []
    for n in (1, 2):
        folder = tmp_path / f"folder {n}"
        folder.mkdir()
        params(folder)
        command = [sys.executable, "-m", "alphagan", "train", "tiny"]
        subprocess.run(command, cwd=folder, env=os.environ | {"OMP_NUM_THREADS": str(n)}, check=True)
        runs.append(digests(folder / "models" / "tiny" / "alpha_wgan_gp"))
    assert runs[0] == runs[1]
