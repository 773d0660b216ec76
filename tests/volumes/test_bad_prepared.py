"""Prepared cohorts that somebody opened in Excel or copied by half are refused in one line, or read as they were."""

import shutil

import numpy as np
import pytest
import yaml
from factories import write_prepared
from refusals import refused
from trainings import COMMAND_LINE, described

from alphagan.volumes.prepared import Volumes


def table(change):
    """Change subjects.csv, as text or into bytes."""

    def damage(folder):
        content = change((folder / "subjects.csv").read_bytes().decode().replace("\r\n", "\n"))
        (folder / "subjects.csv").write_bytes(content if isinstance(content, bytes) else content.encode())

    return damage


def array(change):
    return lambda folder: np.save(folder / "volumes.npy", change(np.load(folder / "volumes.npy")))


def content(change):
    return lambda folder: (folder / "volumes.npy").write_bytes(change((folder / "volumes.npy").read_bytes()))


def as_folder(name):
    return lambda folder: [(folder / name).unlink(), (folder / name).mkdir()]


def without(name):
    return lambda folder: (folder / name).unlink()


def by_split(text):
    header, *lines = text.splitlines()
    return "\n".join([header, *sorted(lines, key=lambda line: line.split(",")[3])]) + "\n"


def pickled(folder):
    np.save(folder / "volumes.npy", np.array([{}], dtype=object), allow_pickle=True)


SUBJECTS, CUBES, AGAIN = "subjects.csv: ", "volumes.npy: ", "prepare the cohort again"

# What happens to the folder, and words of the line.
REFUSED = {
    "missing": (shutil.rmtree, CUBES, "not found", "run `alphagan prepare tiny` first"),
    "a file": (lambda folder: [shutil.rmtree(folder), folder.write_text("x")], "cannot be read (Not a dir", AGAIN),
    "no table": (without("subjects.csv"), SUBJECTS, "not found", "run `alphagan prepare tiny` first"),
    "no cubes": (without("volumes.npy"), CUBES, "not found", "run `alphagan prepare tiny` first"),
    "the table a folder": (as_folder("subjects.csv"), SUBJECTS, "cannot be read (Is a directory)", AGAIN),
    "the cubes a folder": (as_folder("volumes.npy"), CUBES, "cannot be read (Is a directory)", AGAIN),
    "an empty table": (table(lambda text: ""), SUBJECTS, "no column row", AGAIN),
    "columns alone": (table(lambda text: text.splitlines()[0] + "\n"), "disagree in length", AGAIN),
    "semicolons": (table(lambda text: text.replace(",", ";")), SUBJECTS, "no column row", AGAIN),
    "Excel's own format": (table(lambda text: b"PK\x03\x04" + bytes(range(256))), SUBJECTS, "no column row", AGAIN),
    "UTF-16": (table(lambda text: text.encode("utf-16")), SUBJECTS, "no column row", AGAIN),
    "not UTF-8": (table(lambda text: text.replace("sub-004", "\xfc").encode("latin-1")), SUBJECTS, "utf-8", AGAIN),
    "no splits": (table(lambda text: text.replace("split", "part")), SUBJECTS, "no column split", AGAIN),
    "no affines": (table(lambda text: text.replace("a12", "b12")), SUBJECTS, "no column a12", AGAIN),
    "a split that is none": (
        table(lambda text: text.replace(",train,", ",training,")),
        "'training' is no split",
        AGAIN,
    ),
    "lines in another order": (table(by_split), SUBJECTS, "row 4 stands in the place of 0", AGAIN),
    "a line lost": (table(lambda text: text.rstrip().rpartition("\n")[0]), "disagree in length", AGAIN),
    "a line twice": (table(lambda text: text + text.splitlines()[-1]), "disagree in length", AGAIN),
    "a line that breaks off": (table(lambda text: text.rstrip().rsplit(",", 14)[0]), "a line is too short", AGAIN),
    "a decimal comma": (
        table(lambda text: text.replace(",5.0,", ',"5,0",')),
        "could not convert string to float",
        AGAIN,
    ),
    "an affine that is no number": (table(lambda text: text.replace(",5.0,", ",nan,")), "not finite", AGAIN),
    "cubes cut short": (content(lambda data: data[:-100]), CUBES, "damaged", AGAIN),
    "cubes cut to a beginning": (content(lambda data: data[:100]), CUBES, "damaged", AGAIN),
    "empty cubes": (content(lambda data: b""), CUBES, "damaged", AGAIN),
    "cubes as text": (content(lambda data: b"volumes"), CUBES, "damaged", AGAIN),
    "cubes that are objects": (pickled, CUBES, "damaged", AGAIN),
    "cubes of another type": (array(lambda cubes: cubes.astype(np.float32)), "holds float32 of shape (20,", AGAIN),
    "one cube alone": (array(lambda cubes: cubes[0]), "holds uint8 of shape (16, 16, 16)", AGAIN),
    "boxes": (array(lambda cubes: cubes[:, :8]), "holds uint8 of shape (20, 8, 16, 16)", AGAIN),
    "no cube": (array(lambda cubes: cubes[:0]), "disagree in length", AGAIN),
}
READ = {
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "lines that end as on Windows": lambda text: text.replace("\n", "\r\n"),
    "lines that end as elsewhere": lambda text: text,
    "blank lines at the end": lambda text: f"{text}\n\n",
    "every cell in quotes": lambda text: "".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in text.splitlines()
    ),
}
N_CASES = len(REFUSED) + len(READ)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(COMMAND_LINE))
    return described(write_prepared(tmp_path / "data" / "prepared" / "tiny"))


@pytest.mark.parametrize("case", REFUSED)
def test_bad_cohorts_are_refused_in_one_line(folder, tmp_path, capsys, case):
    damage, *says = REFUSED[case]
    damage(folder)
    refused(["train", "tiny"], tmp_path, capsys, says)


@pytest.mark.parametrize("case", READ)
def test_a_table_that_was_opened_and_saved_is_read(folder, tmp_path, case):
    before = Volumes(folder)
    known = before.rows("test"), before.people(before.rows()), before.affines(before.rows())
    table(READ[case])(folder)
    after = Volumes(folder)
    assert (after.rows("test"), after.people(after.rows())) == known[:2]
    assert np.array_equal(after.affines(after.rows()), known[2]) and after.subjects[3]["subject"] == "sub-003"
