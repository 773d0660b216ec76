"""A training that is asked to stop saves what is done, and says so."""

import os
import signal
import time
from functools import partial

import pytest
import torch
from factories import digests, tiny_settings
from trainings import CHILDREN, checkpoints, fit, wait_for, work

from alphagan.errors import InputError
from alphagan.training import loop as training
from alphagan.training.distributed import World


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_what_is_done_and_exits_non_zero(tmp_path, prepared, capsys, number):
    asked = []

    def stop(volumes, path):
        if not asked:
            asked.append(os.kill(os.getpid(), number))

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(training.Interrupted) as stopped:
        fit(tmp_path, on_sample=stop, sample_every=3, checkpoint_every=100, iterations=12)
    assert stopped.value.code == 128 + number
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    # It comes after the third iteration, when it was settled that this one is not saved: the next one is.
    assert [path.name[:19] for path in checkpoints(tmp_path)] == ["checkpoint-00000004"]
    assert f"tiny alpha_wgan_gp: {number.name}, saved at iteration 4; start it again" in capsys.readouterr().err
    fit(tmp_path, iterations=12)
    assert "tiny alpha_wgan_gp: goes on from iteration 4 of 12\n" in capsys.readouterr().err
    assert digests(tmp_path / "run") == digests(fit(tmp_path, "reference", iterations=12))


def fit_on_a_slow_disk(folder, **train):
    sync = os.fsync
    os.fsync = lambda descriptor: (time.sleep(0.1), sync(descriptor))
    fit(folder, **train)


def test_ctrl_c_again_and_again_during_a_save_harms_nothing(tmp_path, prepared):
    child = CHILDREN.Process(target=fit_on_a_slow_disk, args=(tmp_path,), kwargs={"iterations": 12})
    child.folder = tmp_path
    child.start()
    wait_for(child, "scratch-run/*/configuration.json")
    wait_for(child, "scratch-run/*/*.tmp")
    for _ in range(4):
        os.kill(child.pid, signal.SIGINT)
        time.sleep(0.02)
    child.join()
    assert child.exitcode == 128 + signal.SIGINT
    assert not list(work(tmp_path).glob("*.tmp"))
    fit(tmp_path, iterations=12)
    assert digests(tmp_path / "run") == digests(fit(tmp_path, "reference", iterations=12))


def test_processes_that_train_together_stop_together(tmp_path, prepared):
    asked = []

    class Together(World):
        def agree(self, number, look):
            asked.append(number)
            return (signal.SIGTERM if len(asked) == 3 else number), look

    world = Together(torch.device("cpu"))
    with pytest.raises(training.Interrupted):
        training.fit(tiny_settings(), prepared, tmp_path / "run", tmp_path / "scratch-run", world=world)
    assert asked == [0, 0, 0]
    assert checkpoints(tmp_path)[-1].name.startswith("checkpoint-00000003")


def test_all_that_one_process_writes_is_agreed_upon(tmp_path, prepared):
    """A disk that fills up under the first of several processes ends them all, whatever it was writing."""
    asked = []

    class Together(World):
        def largest(self, *numbers):
            asked.append(numbers)
            return super().largest(*numbers)

    def full(volumes, path):
        raise InputError("no room")

    world = Together(torch.device("cpu"))
    fit = partial(training.fit, tiny_settings(), prepared, world=world)
    with pytest.raises(InputError, match="no room"):
        fit(tmp_path / "run", tmp_path / "scratch-run", full)
    assert asked[-1] == (True,)  # that it failed is told to the others before it ends
    asked.clear()
    (tmp_path / "scratch-full").write_text("a file where a folder is needed")
    with pytest.raises(InputError, match="could not be written"):
        fit(tmp_path / "full", tmp_path / "scratch-full")
    assert asked[-1] == (True,)


def test_a_second_training_of_the_same_run_is_refused_and_harms_nothing(tmp_path, prepared):
    def again(volumes, path):
        with pytest.raises(
            InputError, match="another process trains tiny alpha_wgan_gp; wait until it ends, or stop it"
        ):
            fit(tmp_path, sample_every=3)

    fit(tmp_path, on_sample=again, sample_every=3)
    assert digests(tmp_path / "run") == digests(fit(tmp_path, "reference", sample_every=3))


def test_threads_are_those_of_before_in_the_end(tmp_path, prepared):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fit(tmp_path, threads=1, iterations=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_cohort_in_which_nobody_is_to_be_trained_on_is_refused(tmp_path, prepared):
    table = prepared / "subjects.csv"
    table.write_text(table.read_text().replace(",train,", ",test,"))
    with pytest.raises(InputError, match="nobody is in the split train; prepare it again"):
        training.fit(tiny_settings(), prepared, tmp_path / "run", tmp_path / "scratch")
