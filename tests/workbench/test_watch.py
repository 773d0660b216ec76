"""A training is looked at while it runs: what it wrote so far, to its end, in pictures or in TensorBoard."""

import os
import time
from threading import Event, Timer
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from factories import write_prepared
from matplotlib.image import imsave
from trainings import fit

from alphagan.__main__ import main
from alphagan.files import write_atomically, write_json
from alphagan.training import loop
from alphagan.workbench import watch
from alphagan.workbench.watch import draw, follow, glance, live, to_tensorboard
from alphagan.workbench.workspace import repository

LINE = "iteration {}/4: L_G {}, L_D 0.5"


def told(folder, n_rows, n_iterations=4, n_samples=0, written=None):
    """What a training of n_iterations has written below `folder` when it has taken n_rows."""
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    write_json({"train": {"iterations": n_iterations}}, folder / "configuration.json")
    rows = {"iteration": range(1, n_rows + 1), "L_G": np.arange(n_rows), "L_D": [0.5] * n_rows}
    text = pd.DataFrame(rows).to_csv(index=False)
    write_atomically(lambda file: file.write(text.encode()), folder, "history.csv")
    for number in range(1, n_samples + 1):
        imsave(folder / "samples" / f"iteration-{number:06d}.png", np.full((4, 5), number / 9))
    if written:
        os.utime(folder / "history.csv", (written, written))


def test_the_training_that_wrote_last_is_looked_at(tmp_path):
    assert glance(tmp_path) is None
    told(tmp_path / "a", 2, written=1000)
    told(tmp_path / "b", 3, n_samples=2, written=2000)
    found = glance(tmp_path)
    assert (found.folder.name, found.iteration, found.n_iterations) == ("b", 3, 4)
    assert [path.stem for path in found.samples] == ["iteration-000001", "iteration-000002"]
    told(tmp_path / "a", 4, written=3000)
    assert glance(tmp_path).folder.name == "a" and glance(tmp_path, since=2500).folder.name == "a"
    assert glance(tmp_path, since=3500) is None
    told(tmp_path / "c", 0)
    assert glance(tmp_path) is None  # it has begun, and has told of nothing


def test_it_is_followed_to_its_last_iteration_and_told_once_of_each(tmp_path):
    told(tmp_path / "a", 1)
    seen = []
    for found in follow(tmp_path, every=0.001):
        seen.append(found.iteration)
        told(tmp_path / "a", min(4, found.iteration + 1))
    assert seen == [1, 2, 3, 4]
    stop = Event()
    stop.set()
    assert [found.iteration for found in follow(tmp_path, stop=stop)] == [4]
    assert list(follow(tmp_path / "nowhere", stop=stop)) == []


def test_a_picture_of_the_losses_is_drawn_again(tmp_path):
    told(tmp_path / "a", 4)
    assert list(draw(follow(tmp_path), tmp_path / "losses.png")) == [LINE.format(4, 3)]
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")


def test_tensorboard_is_handed_every_term_and_picture_once_even_twice(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    told(tmp_path / "a", 4, n_samples=2)
    for _ in range(2):
        assert list(to_tensorboard(follow(tmp_path), tmp_path / "board")) == [LINE.format(4, 3)]
    events = accumulator.EventAccumulator(str(tmp_path / "board" / "a"), purge_orphaned_data=True)
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("losses/L_G")] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert {event.value for event in events.Scalars("losses/L_D")} == {0.5}
    assert [(event.step, event.width, event.height) for event in events.Images("samples")] == [(1, 5, 4), (2, 5, 4)]


def test_a_history_is_told_between_checkpoints_and_is_that_of_the_run(tmp_path, monkeypatch):
    write_prepared(tmp_path / "prepared")
    fit(tmp_path, "unwatched", iterations=20)
    seen = []
    monkeypatch.setattr(loop, "TELL_EVERY", 0.0)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: 0.0))  # whatever else the machine does
    monkeypatch.setattr(loop, "_save", lambda *_: seen.append(glance(tmp_path / "scratch-run")))
    monkeypatch.setattr(loop, "LOOK_EVERY", 5)
    fit(tmp_path, iterations=20, checkpoint_every=20)
    assert [found.iteration for found in seen] == [20]  # told by the loop, as nothing was saved
    assert (tmp_path / "run" / "history.csv").read_bytes() == (tmp_path / "unwatched" / "history.csv").read_bytes()


def test_a_full_disk_does_not_end_a_training_because_somebody_could_watch(tmp_path, monkeypatch):
    write_prepared(tmp_path / "prepared")
    monkeypatch.setattr(loop, "TELL_EVERY", 0.0)
    whole = loop._write_history

    def full(training, folder):
        if "scratch" in str(folder) and training.iteration < 20:
            raise loop.InputError("no space left")
        whole(training, folder)

    monkeypatch.setattr(loop, "_write_history", full)
    assert (fit(tmp_path, iterations=20, checkpoint_every=20) / "history.csv").exists()


def test_below_a_cell_losses_and_samples_are_updated(tmp_path, monkeypatch):
    shown = []

    class Handle:
        def __init__(self, part):
            shown.append(part)

        def update(self, part):
            shown.append(part)

    monkeypatch.setattr("IPython.display.display", lambda part, display_id: Handle(part))
    monkeypatch.setattr(watch, "save_montage", lambda volumes, path: imsave(path.with_suffix(".png"), volumes))
    told(tmp_path / "older", 4, written=1000)
    with live(tmp_path, every=0.001) as on_sample:
        assert not shown
        told(tmp_path / "a", 2)
        deadline = time.monotonic() + 30
        while not shown and time.monotonic() < deadline:
            time.sleep(0.001)
        on_sample(np.zeros((4, 5)), tmp_path / "a" / "samples" / "iteration-000002")
        told(tmp_path / "a", 4)
    assert len(shown) >= 3 and all(part.data.startswith(b"\x89PNG") for part in shown)


def test_the_command_waits_for_a_training_and_ends_with_it(tmp_path, monkeypatch, capsys):
    params, scratch = repository() / "params.yaml", tmp_path / "scratch" / "train" / "normal" / "alpha_wgan_gp"
    monkeypatch.chdir(tmp_path)
    Timer(0.5, told, [scratch / "a", 4]).start()
    assert main(["watch", "normal-alpha_wgan_gp", "--params", str(params)]) == 0
    said = capsys.readouterr()
    assert said.err == "nothing of normal-alpha_wgan_gp is training here yet: alphagan train normal-alpha_wgan_gp\n"
    assert said.out.splitlines()[-1] == LINE.format(4, 3)
    assert (scratch / "losses.png").exists()
