"""What travels to another machine names no scan, and what comes back is what would have been made at home."""

import errno
import io
import json
import tarfile

import pytest
import yaml
from aways import PRESET, SECRET, at_home, there, train
from factories import write_prepared
from trainings import whole_run

from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.files import write_json
from alphagan.generation.load import load
from alphagan.settings.paths import Paths
from alphagan.workbench.away import archive
from alphagan.workbench.away.hardware import describe, note
from alphagan.workbench.away.pack import MANIFEST, PARAMS, alone, pack, ready, unpack
from alphagan.workbench.away.piece import run
from alphagan.workbench.away.state import gather
from alphagan.workbench.away.steps import DONE

TRAIN, FEATURES = "train@tiny", "features@tiny"
HERE = {"device": "cpu", "torch": "2"}


@pytest.fixture
def home(tmp_path):
    return at_home(tmp_path / "home")[0]


def back(work, known, path):
    """What comes back from a folder, without what is known at home."""
    members = [(name, work.paths.root / name) for name in (MANIFEST, PARAMS)]
    return archive.write(path, [*members, *gather(work, known)])


def members(path):
    with tarfile.open(path) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def test_the_archive_names_no_scan_and_nobody_who_wrote_it(home, tmp_path):
    train(home, stop=4)
    path = pack(home, tmp_path / "away.tar.gz")
    found = members(path)
    assert not [name for name, content in found.items() if SECRET.encode() in content or SECRET in name]
    assert not [name for name in found if name.endswith((".nii", ".gz", "qc.csv", ".pyc"))]
    with tarfile.open(path) as tar:
        assert {(entry.uname, entry.gname, entry.uid) for entry in tar} == {("", "", 0)}
    table = found["data/prepared/tiny/subjects.csv"].decode().splitlines()
    assert table[0].split(",")[:5] == ["row", "subject", "session", "split", "a00"] and len(table) == 21
    assert "alphagan/viewer/viewer.html" in found and "alphagan/training/loop.py" in found


def test_settings_that_travel_train_the_same(home, tmp_path):
    other = there(home, tmp_path / "there")
    step = home.steps()[1]
    assert other.settings(step) == home.settings(step)
    assert list(other.config.cohorts) == ["tiny"] and other.data("tiny") != home.data("tiny")


@pytest.mark.slow
def test_a_training_that_goes_there_and_back_again_ends_as_one_that_stays(home, tmp_path):
    stays = train(at_home(tmp_path / "stays")[0])
    train(home, stop=4)
    assert home.progress()[TRAIN] == 2
    first = there(home, tmp_path / "first")
    assert first.progress()[TRAIN] == 2
    train(first, stop=8)
    assert unpack(back(first, {TRAIN: 2}, tmp_path / "back.tar"), home.paths) == []
    assert home.progress()[TRAIN] == 6
    second = there(home, tmp_path / "second")
    train(second)
    unpack(back(second, {TRAIN: 6}, tmp_path / "back.tar"), home.paths)
    assert home.progress()[TRAIN] == DONE
    assert whole_run(home.run(home.steps()[1])) == whole_run(stays)
    assert load(home.run(home.steps()[1])).config["data"] == home.data("tiny")
    assert not home.paths.scratch("away").exists()


def test_what_home_knows_does_not_come_back(home, tmp_path):
    train(home)
    other = there(home, tmp_path / "there")
    assert other.progress()[TRAIN] == DONE
    assert list(gather(other, home.progress())) == []
    names = [name for name, _ in gather(other, {})]
    assert "state/models/tiny/alpha_wgan_gp/weights.pt" in names
    assert not [name for name in names if "checkpoint" in name]


def test_what_is_further_stays(home, tmp_path):
    train(home, stop=4)
    other = there(home, tmp_path / "there")
    train(home, stop=8)
    unpack(back(other, {}, tmp_path / "back.tar"), home.paths)
    assert home.progress()[TRAIN] == 6


def test_numbers_are_done_until_the_weights_or_the_settings_are_others(home):
    train(home)
    work, step = home, home.steps()[2]
    folder = home.paths.features("tiny")
    folder.mkdir(parents=True)
    (folder / "weights.pt").write_bytes(b"features")
    for path in work.made(step):
        write_json({}, path)
    assert work.reached(step) == 0
    note(work, step, 2.0, 0, HERE)
    note(work, home.steps()[1], 16.0, 8, HERE)
    assert work.reached(step) == DONE
    told = json.loads(work.hardware("tiny").read_text())
    assert told[TRAIN] == {"seconds": 16.0, "iterations": 8, "where": [HERE]}
    assert describe(work)[1:3] == ["train tiny: done, 0:00:16", "evaluate tiny: done, 0:00:02"]
    (folder / "weights.pt").write_bytes(b"others")
    assert work.reached(step) == 0


def test_what_is_left_is_estimated_from_what_was_done(home):
    train(home, stop=8)
    note(home, home.steps()[1], 12.0, 6, HERE)
    lines = describe(home)
    assert lines[1] == "train tiny: iteration 6 of 8, 0:00:12"
    assert lines[-1] == "left: 5 of 5 steps, about 0:00:04 of training, 4 more of unknown length"


def test_other_code_takes_no_checkpoint_but_finished_runs(home, tmp_path):
    train(home, stop=4)
    other = there(home, tmp_path / "there")
    train(other, stop=8)
    told = json.loads((other.paths.root / MANIFEST).read_text()) | {"code": "other"}
    write_json(told, other.paths.root / MANIFEST)
    notes = unpack(back(other, {}, tmp_path / "back.tar"), home.paths)
    assert notes == [f"{TRAIN}: its checkpoint is of other code than trains here; left out"]
    assert home.progress()[TRAIN] == 2


def entry(name, kind=tarfile.REGTYPE, link=""):
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (entry("../outside"), "outside the destination; it is no archive of alphagan away"),
        (entry("/outside"), "no archive of alphagan away|its end is missing"),
        (entry("state/link", tarfile.SYMTYPE, "/etc/passwd"), "state/link is no plain file"),
        (entry("state/hard", tarfile.LNKTYPE, "away.json"), "state/hard is no plain file"),
        (entry("state/pipe", tarfile.FIFOTYPE), "state/pipe is no plain file"),
        (entry("fine"), "its end is missing"),
    ],
)
def test_an_archive_that_is_none_of_ours_is_refused(bad, says, home, tmp_path):
    path = tmp_path / "bad.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(bad, io.BytesIO())
    with pytest.raises(InputError, match=says):
        unpack(path, home.paths)
    assert not (tmp_path / "outside").exists() and not home.paths.scratch("away").exists()


@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_that_was_cut_anywhere_is_refused(packed, home, tmp_path):
    whole = archive.write(tmp_path / "whole.tar", [("a", b"x" * 2000), (MANIFEST, b"{}")], packed).read_bytes()
    cut = tmp_path / "cut.tar"
    end = len(whole) * 3 // 4 if packed else whole.index(archive.END.encode())  # what follows is nothing but zeros
    for n in (0, 3, 512, 2560, 3072, end // 3, end // 2, end):
        cut.write_bytes(whole[: min(n, end)])
        with pytest.raises(InputError, match="cut.tar: .*; copy it again"):
            unpack(cut, home.paths)
    with pytest.raises(InputError, match="whole.tar: is no archive that came back"):
        unpack(tmp_path / "whole.tar", home.paths)
    with pytest.raises(InputError, match="nowhere.tar: no such file"):
        unpack(tmp_path / "nowhere.tar", home.paths)


def test_damage_that_the_archive_does_not_show_is_seen(home, tmp_path):
    train(home)
    other = there(home, tmp_path / "there")
    run = other.run(other.steps()[1])
    (run / "weights.pt").write_bytes((run / "weights.pt").read_bytes()[:-1] + b"x")
    fresh = at_home(tmp_path / "fresh")[0]
    with pytest.raises(InputError, match="models/tiny/alpha_wgan_gp: weights and config.json do not belong together"):
        unpack(back(other, {}, tmp_path / "back.tar"), fresh.paths)
    assert not fresh.run(fresh.steps()[1]).exists()


def test_a_cohort_that_was_prepared_anew_is_refused(home, tmp_path):
    other = there(home, tmp_path / "there")
    write_prepared(home.paths.prepared("tiny"), n=25)
    with pytest.raises(InputError, match="data/prepared/tiny: prepared anew since .*back.tar was packed"):
        unpack(back(other, {}, tmp_path / "back.tar"), home.paths)


def test_two_at_once_are_refused(home, tmp_path):
    with alone(home.paths), pytest.raises(InputError, match="another alphagan away is at work here"):
        unpack(tmp_path / "back.tar", home.paths)


def test_a_disk_that_fills_up_meanwhile_is_told_in_a_line(tmp_path):
    with pytest.raises(InputError, match="could not be written .*; make room there"), alone(Paths(tmp_path)):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_bad_input_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nobody.yaml").write_text(yaml.safe_dump(PRESET))
    (tmp_path / "empty.yaml").write_text(yaml.safe_dump(PRESET | {"experiments": {}}))
    for words, says in {
        ("pack", "presets/nothing.yaml"): "presets/nothing.yaml: no such file; name one of presets/",
        ("pack", "nobody.yaml"): f"/home/{SECRET}/scans",
        ("pack", "empty.yaml"): "empty.yaml: experiments: names none",
        ("run",): "no away.json; unpack what alphagan away pack wrote",
        ("unpack", "none.tar"): "none.tar: no such file",
        ("results", "nobody.yaml"): f"/home/{SECRET}/scans",
    }.items():
        assert main(["away", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("alphagan: error: ") and says in line


def test_a_gpu_that_is_asked_for_and_not_there_is_refused_before_anything_is_done(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    home = at_home(tmp_path / "home", device="cuda")[0]
    other = there(home, tmp_path / "there")
    with pytest.raises(InputError, match="cuda is asked for and torch finds no GPU"):
        run(other.paths.root, 1, tmp_path / "back.tar")
    assert not (tmp_path / "back.tar").exists()


def test_nothing_is_packed_where_all_is_done(home, tmp_path, monkeypatch):
    monkeypatch.setattr("alphagan.workbench.away.steps.Work.left", lambda work: [])
    with pytest.raises(InputError, match="all is done"):
        pack(home, tmp_path / "away.tar.gz")
    assert ready(home.paths.root / "preset.yaml", Paths(home.paths.root)).cohorts == ["tiny"]
