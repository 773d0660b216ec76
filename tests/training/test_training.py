"""Training repeats to the byte, says what it does, and refuses what it cannot do in one line."""

import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from factories import digests, tiny_settings, write_prepared

from alphagan.errors import InputError
from alphagan.seeding import Draws
from alphagan.training import loop as training
from alphagan.training import progress
from alphagan.training.distributed import World
from alphagan.training.engine import Training
from alphagan.volumes.prepared import Volumes


@pytest.fixture
def prepared(tmp_path):
    return write_prepared(tmp_path / "prepared")


def fit(tmp_path, name="run", **changes):
    scratch, how = tmp_path / f"scratch-{name}", {}
    for key in ("on_sample", "progress", "world"):
        if key in changes:
            how[key] = changes.pop(key)
    return training.fit(tiny_settings(**changes), tmp_path / "prepared", tmp_path / name, scratch, **how)


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


def test_changed_settings_start_afresh(tmp_path, prepared):
    fit(tmp_path, iterations=2)
    fit(tmp_path, iterations=2, lr=0.001)
    assert len(list((tmp_path / "scratch-run").iterdir())) == 2


def test_the_learning_rate_falls_to_zero_over_the_last_share(tmp_path, prepared):
    training_, rates = Training(tiny_settings(lr=0.001, lr_decay=0.5, iterations=4), World(torch.device("cpu"))), []
    volumes = Volumes(prepared)
    for _ in range(4):
        training_.step(volumes, volumes.rows("train"))
        rates.append(training_.optimisers["G"].param_groups[0]["lr"])
    assert rates == pytest.approx([0.001, 0.001, 0.001, 0.0005])


@pytest.mark.parametrize(("critics", "theirs"), [(True, 0.0005), (False, 0.001)])
def test_the_critics_learning_rate_falls_or_stays(prepared, critics, theirs):
    settings = tiny_settings(lr=0.001, lr_decay=0.5, lr_decay_critics=critics, iterations=4)
    training_, volumes = Training(settings, World(torch.device("cpu"))), Volumes(prepared)
    for _ in range(4):
        training_.step(volumes, volumes.rows("train"))
    rates = {name: optimiser.param_groups[0]["lr"] for name, optimiser in training_.optimisers.items()}
    assert rates == pytest.approx({"G": 0.0005, "E": 0.0005, "D": theirs, "C": theirs})


def test_a_falling_learning_rate_is_resumed_where_it_was(tmp_path, prepared):
    def stop(volumes, path):
        raise InterruptedError

    first = fit(tmp_path, "a", iterations=6, lr_decay=0.8)
    with pytest.raises(InterruptedError):
        fit(tmp_path, "b", iterations=6, lr_decay=0.8, sample_every=5, on_sample=stop)
    assert digests(fit(tmp_path, "b", iterations=6, lr_decay=0.8)) == digests(first)
    assert digests(fit(tmp_path, "c", iterations=6)) != digests(first)


def test_bad_input_is_named(tmp_path, prepared):
    with pytest.raises(InputError, match="alphagan prepare nowhere"):
        training.fit(tiny_settings(), tmp_path / "nowhere", tmp_path / "run", tmp_path / "scratch")
    with pytest.raises(InputError, match="prepare.size is 32"):
        training.fit(tiny_settings(size=32), prepared, tmp_path / "run", tmp_path / "scratch")


@pytest.mark.parametrize("deterministic", [True, False])
def test_deterministic_chooses_the_arithmetic_and_brings_back_what_was_set(
    tmp_path, prepared, monkeypatch, deterministic
):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", deterministic)
    seen = []

    def look(volumes, path):
        warns = torch.is_deterministic_algorithms_warn_only_enabled()
        seen.append((torch.are_deterministic_algorithms_enabled(), warns, torch.backends.cudnn.benchmark))

    fit(tmp_path, deterministic=deterministic, iterations=2, on_sample=look)
    assert seen == [(deterministic, False, not deterministic)]
    assert torch.backends.cudnn.benchmark == deterministic
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == deterministic


@pytest.mark.gpu
def test_on_a_gpu_too_the_same_seed_gives_the_same_bytes_resumed_or_not(tmp_path, prepared):
    def stop(volumes, path):
        raise InterruptedError

    first = fit(tmp_path, "a", device="cuda", iterations=6)
    with pytest.raises(InterruptedError):
        fit(tmp_path, "b", device="cuda", iterations=6, sample_every=5, on_sample=stop)
    assert digests(fit(tmp_path, "b", device="cuda", iterations=6)) == digests(first)


LINE = re.compile(
    r"tiny alpha_wgan_gp: iteration (\d+)/4, [\d.e+?]+ iterations/s, (\d+:\d\d:\d\d|\?) left, "
    r"L_G -?[\d.e+-]+, l1 [\d.e+-]+, L_D -?[\d.e+-]+, L_C -?[\d.e+-]+, memory \d+\.\d\d GB"
)


def test_a_log_gets_a_line_at_every_checkpoint(tmp_path, prepared, capsys):
    fit(tmp_path, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert [LINE.fullmatch(line)[1] for line in lines] == ["2", "4"]


def test_a_log_gets_a_line_when_the_last_is_old(tmp_path, prepared, capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    fit(tmp_path, progress=True, checkpoint_every=4)
    lines = capsys.readouterr().err.splitlines()
    assert [LINE.fullmatch(line)[1] for line in lines] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("wanted", [None, False])
def test_a_notebook_gets_nothing(tmp_path, prepared, capsys, wanted):
    fit(tmp_path, progress=wanted)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("wanted", [True, None])
def test_a_terminal_gets_a_bar_with_losses_and_memory(tmp_path, prepared, monkeypatch, wanted):
    monkeypatch.setattr(sys, "stderr", Terminal())
    fit(tmp_path, progress=wanted)
    last = sys.stderr.getvalue().strip().split("\r")[-1]
    assert re.search(r"4/4 .*(it/s|s/it), L_G=.*, l1=.*, L_D=.*, L_C=.*, memory=\d+\.\d\d GB", last)
    assert not LINE.search(sys.stderr.getvalue())


def test_speed_is_that_of_the_last_minute_and_time_left_follows_from_it(capsys, monkeypatch):
    now = {"s": 0.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: now["s"])
    with progress.Progress("t", 100, 10_000, torch.device("cpu"), wanted=True) as shown:
        shown.step(101)
        for done in range(102, 200):
            now["s"] = (done - 101) * 10.0  # ten seconds each, then two
            shown.step(done, {"L_G": 1.0})
        for done in range(200, 300):
            now["s"] += 2.0
            shown.step(done, {"L_G": 1.0})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("t: iteration 104/10000, 0.1 iterations/s, 27:29:20 left, L_G 1, memory ")
    assert "0.5 iterations/s" in lines[-1]
    assert len(lines) == (98 * 10 + 100 * 2) // 30  # one in thirty seconds


def test_hours():
    assert [progress.hours(s) for s in (0.4, 59.6, 3599.4, 100 * 3600 + 61)] == [
        "0:00:00", "0:01:00", "0:59:59", "100:01:01"
    ]  # fmt: skip


def test_memory_grows_with_what_is_held():
    # In a process of its own: this one may keep what earlier tests freed, and use it again.
    code = (
        "import torch; from alphagan.training.progress import memory_bytes as now;"
        "cpu = torch.device('cpu'); before = now(cpu);"
        "held = torch.ones(20_000_000); print(now(cpu) - before)"
    )
    grown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 70e6 < int(grown) < 120e6


def test_only_the_first_of_several_processes_writes_and_speaks(tmp_path, prepared, capsys):
    class Second(World):
        """Not the first, and with a batch of its own."""

        def shard(self, rows):
            return rows

        def draws(self, generator):
            return Draws(generator)

    drawn = []
    fit(tmp_path, world=Second(torch.device("cpu"), rank=1), progress=True, on_sample=lambda *_: drawn.append(1))
    assert not drawn
    assert capsys.readouterr().err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["prepared"]


@pytest.mark.parametrize(("phase", "moving"), [(0, {"G", "E"}), (1, {"D", "C"})])
def test_frozen_networks_change_nothing(prepared, phase, moving):
    """G and E move in their phase alone, D and C in theirs."""
    state = Training(tiny_settings(), World(torch.device("cpu")))
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
    state = Training(tiny_settings(model={"generator_steps": generator_steps}), World(torch.device("cpu")))
    volumes = Volumes(prepared)
    state.step(volumes, volumes.rows("train"))
    taken = {
        name: {int(entry["step"]) for entry in optimiser.state.values()} for name, optimiser in state.optimisers.items()
    }
    assert taken == {"G": {generator_steps}, "E": {1}, "D": {1}, "C": {1}}
