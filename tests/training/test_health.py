"""Numbers out of bounds stop a training before they are saved, and the last good checkpoint is named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from factories import digests
from trainings import checkpoints, fit, params, poison

from alphagan import __main__
from alphagan.training import checkpoint
from alphagan.training.health import DivergenceError, refuse_divergence, refuse_non_finite
from alphagan.workbench import commands_train


def good_checkpoint(message, folder, iteration):
    """Check that a message ends with the path of a checkpoint of this iteration that is whole and finite."""
    path = Path(message.split("; the last good checkpoint is ")[1])
    assert path == checkpoints(folder)[-1]
    assert path.name.startswith(f"checkpoint-{iteration:08d}")
    assert checkpoint._damage(path) is None
    refuse_non_finite(torch.load(path, weights_only=True), iteration)


# Between two checkpoints, and where one is due.
@pytest.mark.parametrize(("at", "value"), [(5, float("nan")), (6, float("inf"))])
def test_a_loss_that_is_not_finite_stops_the_run_before_it_is_saved(tmp_path, prepared, monkeypatch, at, value):
    poison(monkeypatch, at, lambda self, terms: terms | {"L_D": torch.tensor(value)})
    with pytest.raises(FloatingPointError, match=f"tiny alpha_wgan_gp: L_D not finite at iteration {at}; ") as stopped:
        fit(tmp_path, iterations=8)
    good_checkpoint(str(stopped.value), tmp_path, 4)
    monkeypatch.undo()
    fit(tmp_path, iterations=8)  # as after a fault of the machine, it goes on from there
    assert digests(tmp_path / "run") == digests(fit(tmp_path, "reference", iterations=8))


@pytest.mark.parametrize("network", ["G", "D"])
def test_weights_that_turn_bad_after_the_last_loss_are_not_saved(tmp_path, prepared, monkeypatch, network):
    def spoil(self, terms):
        with torch.no_grad():
            next(self.networks[network].parameters())[0] = float("nan")
        return terms

    poison(monkeypatch, 6, spoil)
    with pytest.raises(FloatingPointError, match=rf"networks\.{network}\..* not finite after iteration 6;") as stopped:
        fit(tmp_path, iterations=6)
    good_checkpoint(str(stopped.value), tmp_path, 4)


def test_a_run_that_fails_at_once_says_that_nothing_was_saved(tmp_path, prepared):
    with pytest.raises(FloatingPointError, match=r"not finite at iteration \d+; there is no checkpoint from before"):
        fit(tmp_path, iterations=30, lr=1e18, checkpoint_every=20)


def test_the_command_line_fails_in_one_line_where_a_loss_is_not_finite(tmp_path, monkeypatch, capsys):
    params(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands_train, "_sample_grids", lambda: None)
    poison(monkeypatch, 7, lambda self, terms: terms | {"L_D": torch.tensor(float("nan"))})
    assert __main__.main(["train", "tiny"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("alphagan: error: tiny alpha_wgan_gp: L_D not finite at iteration 7; the last good ch")


@pytest.mark.parametrize("tensor", [torch.tensor([1, float("nan")]), torch.tensor(float("-inf"))])
def test_numbers_that_are_not_finite_are_found_wherever_they_are(tensor):
    refuse_non_finite({"a": {0: [torch.ones(3), 5, "text", None]}, "b": torch.tensor([1, 2])}, 1)
    with pytest.raises(FloatingPointError, match=r"a\.0\.1 not finite after iteration 3"):
        refuse_non_finite({"a": {0: [torch.ones(3), tensor]}}, 3)


def healthy(n=500):
    """Losses that wander between -20 and 20, with a few spikes of a thousand."""
    rng = np.random.default_rng(0)
    rows = 20 * np.sin(np.arange(n)[:, None] / np.array([7, 90])) + rng.normal(0, 1, (n, 2))
    rows[::97] *= 1e3
    return list(rows)


def test_losses_that_wander_spike_or_start_high_do_not_diverge():
    rows = healthy()
    for n in range(10, len(rows) + 1, 10):
        refuse_divergence(["L_D", "L_C"], rows[:n])
    falling = [np.array([1e5 / (i + 1), 1e6 * 0.9**i]) for i in range(300)]
    drifting = [np.array([0.5 * i, -(i**2)]) for i in range(300)]
    for history in (falling, drifting):
        for n in range(1, 301):
            refuse_divergence(["L_D", "L_C"], history[:n])


def test_a_loss_that_grows_by_orders_of_magnitude_diverges():
    history = healthy()
    history += [history[-1] + [0, 1.5**i] for i in range(40)]
    seen = []
    for n in range(10, len(history) + 1, 10):
        try:
            refuse_divergence(["L_D", "L_C"], history[:n])
        except DivergenceError as error:
            seen.append((n, error.since, str(error)))
            break
    ((n, since, message),) = seen
    assert 500 < since <= n <= 540
    assert message.startswith(f"L_C diverges: {abs(history[since - 1][1]):.3g} in size at iteration {since}, beyond ")
    assert abs(history[since - 1][1]) > 1000 * np.median(np.abs(history[:500])[:, 1]) > abs(history[since - 2][1])


def test_a_huge_loss_diverges_however_young_the_run():
    with pytest.raises(DivergenceError, match=r"L_C diverges: 1e\+08 in size at iteration 2, beyond 1\.68e\+07; try"):
        refuse_divergence(["L_D", "L_C"], [np.array([1.0, 2.0]), np.array([1.0, -1e8]), np.array([1.0, 2.0])])


def test_a_run_that_diverges_stops_and_names_the_checkpoint_from_before(tmp_path, prepared, monkeypatch):
    poison(monkeypatch, 8, lambda self, terms: terms | {"distance_D": torch.tensor(-1e9)})
    with pytest.raises(FloatingPointError, match=r"distance_D diverges: 1e\+09 in size at iteration 8") as stopped:
        fit(tmp_path, iterations=30, checkpoint_every=4)
    good_checkpoint(str(stopped.value), tmp_path, 4)
