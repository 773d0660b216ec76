"""Checkpoints that are damaged, or of another configuration, are passed over or refused."""

import json
import shutil

import pytest
import torch
from factories import digests
from trainings import checkpoints, configuration, fit, work

from alphagan.errors import InputError
from alphagan.training import checkpoint


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, empty])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, prepared, capsys, damage):
    before = digests(fit(tmp_path, iterations=6))
    newest = checkpoints(tmp_path)[-1]
    damage(newest)
    assert digests(fit(tmp_path, iterations=6)) == before
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{newest}: damaged, passed over", "tiny alpha_wgan_gp: goes on from iteration 4 of 6"]


def test_without_a_whole_checkpoint_it_starts_anew_and_keeps_the_new_ones(tmp_path, prepared, capsys):
    before = digests(fit(tmp_path, iterations=6))
    for path in checkpoints(tmp_path):
        flip_a_bit(path)

    def stop(volumes, path):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(tmp_path, iterations=6, sample_every=3, on_sample=stop)
    assert f"{work(tmp_path)}: no whole checkpoint is left, starting anew\n" in capsys.readouterr().err
    # The damaged ones claim to be newer, and would drive this one out.
    assert [path.name[:19] for path in checkpoints(tmp_path)] == ["checkpoint-00000002"]
    assert digests(fit(tmp_path, iterations=6)) == before
    assert capsys.readouterr().err == "tiny alpha_wgan_gp: goes on from iteration 2 of 6\n"


def test_only_the_two_newest_checkpoints_are_kept(tmp_path):
    (tmp_path / "1234.tmp").write_text("of a process that was killed")
    for iteration in (1, 2, 3):
        checkpoint.save({"x": torch.full((3,), iteration)}, tmp_path, iteration, configuration())
    assert [path.name[:19] for path in sorted(tmp_path.iterdir())] == ["checkpoint-00000002", "checkpoint-00000003"]
    assert checkpoint.load_newest(tmp_path, "cpu", configuration())["x"].tolist() == [3, 3, 3]


# Another configuration


def test_a_checkpoint_of_other_settings_is_refused_naming_them(tmp_path, prepared):
    fit(tmp_path, lr=0.0002)
    fit(tmp_path, "other", lr=0.001, iterations=8)
    for path in work(tmp_path, "other").glob("checkpoint-*"):
        path.unlink()
    shutil.copy(checkpoints(tmp_path)[-1], work(tmp_path, "other"))
    with pytest.raises(
        InputError,
        match=r"checkpoint-00000004-\w+\.pt: checkpoint of another configuration: "
        r"train\.iterations 4 -> 8, train\.lr 0\.0002 -> 0\.001; move it away, or restore the settings",
    ):
        fit(tmp_path, "other", lr=0.001, iterations=8)


def test_a_checkpoint_of_other_scans_is_refused_and_one_from_another_place_is_not(tmp_path):
    checkpoint.save({"x": torch.zeros(3)}, tmp_path, 1, configuration(device="cpu", threads=1))
    assert checkpoint.load_newest(tmp_path, "cpu", configuration(threads=2, checkpoint_every=7))
    with pytest.raises(InputError, match="another configuration: data 0123456789ab -> 9;"):
        checkpoint.load_newest(tmp_path, "cpu", configuration() | {"data": "9"})


def test_differences_name_what_only_one_of_the_two_has():
    old, new = {"a": 1, "b": {"c": [1], "d": 2}}, {"a": 1, "b": {"c": [2], "e": None}}
    assert checkpoint.differences(old, new) == ["b.c [1] -> [2]", "b.d 2 -> absent", "b.e absent -> None"]


def test_a_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 1)
    checkpoint.save({"x": torch.zeros(3)}, tmp_path, 1, {})
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"checkpoint of another version \(format 1, not 2\); move it away, or go on"):
        checkpoint.load_newest(tmp_path, "cpu", configuration())


class Intruder:
    def __reduce__(self):
        return print, ("code of a checkpoint was run",)


def test_a_checkpoint_cannot_run_code(tmp_path, capsys):
    checkpoint.save({"x": Intruder()}, tmp_path, 1, configuration())
    with pytest.raises(InputError, match="cannot read it .*; move it away"):
        checkpoint.load_newest(tmp_path, "cpu", configuration())
    assert "was run" not in capsys.readouterr().out


def test_changed_settings_leave_an_unfinished_run_alone_and_say_so(tmp_path, prepared, capsys):
    def stop(volumes, path):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(tmp_path, iterations=6, sample_every=3, on_sample=stop)
    (left,) = checkpoints(tmp_path)
    fit(tmp_path, iterations=6, lr=0.001)
    assert capsys.readouterr().err == (
        f"{left}: checkpoint of another configuration (train.lr 0.0002 -> 0.001), left alone; starting anew\n"
    )
    fit(tmp_path, iterations=6)
    assert "goes on from iteration 2 of 6" in capsys.readouterr().err
    fit(tmp_path, iterations=6, lr=0.002)  # all others are finished
    assert capsys.readouterr().err == (
        f"{tmp_path / 'run'}: a finished run of another configuration (train.lr 0.0002 -> 0.002), replaced once this "
        "one has finished; starting anew\n"
    )


def test_the_configuration_lies_beside_the_checkpoints_for_people_to_read(tmp_path, prepared):
    fit(tmp_path)
    written = json.loads((work(tmp_path) / "configuration.json").read_text())
    assert (written["train"]["lr"], written["cohort"]) == (0.0002, "tiny")
    assert "device" not in written["train"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xfc"])
def test_configurations_that_are_damaged_are_passed_over(tmp_path, prepared, capsys, content):
    fit(tmp_path)
    (work(tmp_path) / "configuration.json").write_bytes(content)
    (tmp_path / "run" / "config.json").write_bytes(content)
    fit(tmp_path, lr=0.001)
    assert "a finished run of another configuration" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_run_is_told_at_the_start(tmp_path, prepared, capsys):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(InputError, match="run: is a file, where the finished run would go; move it away"):
        fit(tmp_path)
    assert (tmp_path / "run").read_text() == "mine" and not (tmp_path / "scratch-run").exists()
