"""Training repeats to the byte, survives being killed, and refuses what it cannot do in one line."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import tiny_settings, write_prepared

from alphagan import checkpoint, training
from alphagan.averaging import recalibrate, update_average
from alphagan.engine import Training
from alphagan.errors import InputError
from alphagan.networks import Generator
from alphagan.volumes import Volumes

RUN_ONE = """
import sys, pathlib
sys.path.insert(0, {tests!r})
from factories import tiny_settings
from alphagan.training import fit
d = pathlib.Path({folder!r})
fit(tiny_settings(iterations=12), d / "prepared", d / "run", d / "scratch")
"""


@pytest.fixture
def prepared(tmp_path):
    return write_prepared(tmp_path / "prepared")


def fit(tmp_path, name="run", **changes):
    return training.fit(tiny_settings(**changes), tmp_path / "prepared", tmp_path / name, tmp_path / f"scratch-{name}")


def digests(run):
    return [hashlib.sha256((run / name).read_bytes()).hexdigest() for name in ("weights.pt", "history.csv")]


def test_same_seed_same_bytes_and_another_seed_others(tmp_path, prepared):
    first, second = fit(tmp_path, "a"), fit(tmp_path, "b")
    assert digests(first) == digests(second)
    assert digests(fit(tmp_path, "c", seed=8)) != digests(first)


def test_run_folder_holds_what_the_contract_says(tmp_path, prepared):
    drawn = []
    run = training.fit(
        tiny_settings(),
        prepared,
        tmp_path / "run",
        tmp_path / "scratch",
        lambda volumes, path: drawn.append((volumes, path)),
    )
    weights = torch.load(run / "weights.pt", weights_only=True)
    assert set(weights) == {"G", "E", "D", "C", "G_average", "G_early"}
    lines = (run / "history.csv").read_text().splitlines()
    assert lines[0] == "iteration,L_G,L_E,l1,L_D,distance_D,penalty_D,L_C,distance_C,penalty_C"
    assert [int(line.split(",")[0]) for line in lines[1:]] == [1, 2, 3, 4]
    assert [path.name for _, path in drawn] == ["iteration-000002", "iteration-000004"]
    assert drawn[0][0].shape == (8, 16, 16, 16)
    assert drawn[0][0].dtype == np.uint8


def start(tmp_path):
    code = RUN_ONE.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)


def wait_for_checkpoint(tmp_path, process):
    while not list((tmp_path / "scratch").glob("*/checkpoint-*.pt")):
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.01)


def test_killed_and_resumed_equals_uninterrupted(tmp_path, prepared):
    process = start(tmp_path)
    wait_for_checkpoint(tmp_path, process)
    process.kill()
    process.wait()
    assert not (tmp_path / "run").exists()
    assert start(tmp_path).wait() == 0
    reference = fit(tmp_path, "reference", iterations=12)
    assert digests(tmp_path / "run") == digests(reference)


def test_sigterm_saves_and_exits_non_zero(tmp_path, prepared):
    process = start(tmp_path)
    wait_for_checkpoint(tmp_path, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait() in (128 + signal.SIGTERM, 0)
    if process.returncode:  # it may have been finishing already
        state = checkpoint.load_newest(next((tmp_path / "scratch").iterdir()))
        assert 0 < state["iteration"] < 12


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, prepared, capsys):
    run = fit(tmp_path)
    newest = sorted(next((tmp_path / "scratch-run").iterdir()).glob("checkpoint-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    before = digests(run)
    assert digests(fit(tmp_path)) == before
    assert f"{newest}: damaged" in capsys.readouterr().err


def test_only_two_checkpoints_are_kept(tmp_path):
    for iteration in (1, 2, 3):
        checkpoint.save({"x": torch.zeros(3)}, tmp_path, iteration)
    assert [path.name[:19] for path in sorted(tmp_path.iterdir())] == ["checkpoint-00000002", "checkpoint-00000003"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_stops_the_run_and_keeps_the_last_checkpoint(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        checkpoint.save({"x": torch.zeros(100_000)}, disk, 1)
        with pytest.raises(InputError, match="could not write"):
            checkpoint.save({"x": torch.zeros(200_000)}, disk, 2)
        assert checkpoint.load_newest(disk)["iteration"] == 1
        assert len(list(disk.iterdir())) == 1
    finally:
        subprocess.run(["umount", disk], check=True)


def test_changed_settings_start_afresh(tmp_path, prepared):
    fit(tmp_path, iterations=2)
    fit(tmp_path, iterations=2, lr=0.001)
    assert len(list((tmp_path / "scratch-run").iterdir())) == 2


def test_losses_that_are_not_finite_stop_the_run(tmp_path, prepared):
    with pytest.raises(FloatingPointError, match=r"not finite at iteration \d+; the last good checkpoint is in"):
        fit(tmp_path, iterations=30, lr=1e18)


def test_bad_input_is_named(tmp_path, prepared):
    with pytest.raises(InputError, match="alphagan prepare nowhere"):
        training.fit(tiny_settings(), tmp_path / "nowhere", tmp_path / "run", tmp_path / "scratch")
    with pytest.raises(InputError, match="prepare.size is 32"):
        training.fit(tiny_settings(size=32), prepared, tmp_path / "run", tmp_path / "scratch")


@pytest.mark.parametrize(("phase", "moving"), [(0, {"G", "E"}), (1, {"D", "C"})])
def test_frozen_networks_change_nothing(prepared, phase, moving):
    """G and E move in their phase alone, D and C in theirs."""
    state = Training(tiny_settings(), torch.device("cpu"))
    state.objective.phases = (state.objective.phases[phase],)
    before = {name: [p.clone() for p in network.parameters()] for name, network in state.networks.items()}
    volumes = Volumes(prepared)
    state.step(volumes, volumes.rows("train"))
    moved = {
        name
        for name, network in state.networks.items()
        if any(not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True))
    }
    assert moved == moving


@pytest.mark.parametrize("generator_steps", [1, 2])
def test_generator_takes_its_steps_on_one_gradient(prepared, generator_steps):
    state = Training(tiny_settings(model={"generator_steps": generator_steps}), torch.device("cpu"))
    volumes = Volumes(prepared)
    state.step(volumes, volumes.rows("train"))
    taken = {
        name: {int(entry["step"]) for entry in optimiser.state.values()} for name, optimiser in state.optimisers.items()
    }
    assert taken == {"G": {generator_steps}, "E": {1}, "D": {1}, "C": {1}}


def test_average_follows_the_weights():
    average, network = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        average.weight.fill_(0.0)
        network.weight.fill_(1.0)
    update_average(average, network, decay=0.9, iteration=10**6)
    assert average.weight.item() == pytest.approx(0.1)
    update_average(average, network, decay=0.9, iteration=0)  # early on, the newest weights count most
    assert average.weight.item() == pytest.approx(0.1 + 0.9 * 0.9)


def test_recalibration_gives_eval_mode_the_statistics_of_the_weights():
    torch.manual_seed(0)
    G = Generator(16, 8, width=1 / 8)
    with torch.no_grad():
        G.layers[0].weight.mul_(50)  # the running statistics (mean 0, variance 1) are now far from true
    z = torch.randn(256, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wrong = G.eval()(z).std(0).mean()
        reference = G.train()(z).std(0).mean()
        recalibrate(G, torch.Generator().manual_seed(2))
        right = G(z).std(0).mean()
    assert not G.training
    assert abs(right - reference) < 0.05 * reference < abs(wrong - reference)
