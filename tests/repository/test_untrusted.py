"""Files from strangers run nothing and lead nowhere; what is handed on does not tell whose scans it was made from."""

import gzip
import io
import json
import pickle
import re
import struct
import zipfile
from pathlib import Path

import nbformat
import nibabel
import numpy as np
import pytest
import torch
from factories import tiny_settings, write_prepared
from scans import config_for, head
from trainings import trained

import alphagan
from alphagan import figures
from alphagan.errors import InputError
from alphagan.evaluation.features.med3d import load_med3d
from alphagan.evaluation.features.network import load_features
from alphagan.generation.nifti import write_samples
from alphagan.generation.reconstruction import write_reconstructions
from alphagan.preparation import prepare as preparation
from alphagan.preparation.prepare import prepare
from alphagan.settings.config import load, parse
from alphagan.settings.paths import Paths
from alphagan.training.loop import fit
from alphagan.volumes.prepared import Volumes
from alphagan.workbench.notebooks import strip

LEFT = "left by a stranger"


class Intruder:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return Path.write_text, (Path(self.path), LEFT)


@pytest.fixture
def mark(tmp_path):
    """What is there only if something was executed."""
    path = tmp_path / "executed"
    yield path
    assert not path.exists()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A prepared cohort and a model that was trained on it."""
    return trained(tmp_path_factory.mktemp("root"), tiny_settings())


def test_the_intruder_does_intrude(tmp_path):
    pickle.loads(pickle.dumps(Intruder(tmp_path / "executed")))
    assert (tmp_path / "executed").read_text() == LEFT


# ---- what a stranger may send


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, 2))])
def test_weights_execute_nothing(root, tmp_path, mark, save):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_bytes((root / "run/config.json").read_bytes())
    save({"G_average": Intruder(mark)}, run / "weights.pt")
    with pytest.raises(InputError, match=r"run/weights\.pt: damaged, or .* could run code; train the model again"):
        alphagan.load(run).sample(1)
    (run / "config.json").write_text(json.dumps({"size": 16, "name": "x"}))
    with pytest.raises(InputError, match="run/weights.pt: damaged, .*; train the feature network again"):
        load_features(run)
    with pytest.raises(
        InputError, match=r"weights\.pt: damaged, or it holds more than tensors and could run code; download resnet"
    ):
        load_med3d(run / "weights.pt")


def archive(content):
    file = io.BytesIO()
    np.savez(file, content)
    return file.getvalue()


def array(content, **options):
    file = io.BytesIO()
    np.save(file, content, **options)
    return file.getvalue()


def test_arrays_execute_nothing(root, tmp_path, mark):
    objects = np.array([Intruder(mark)], dtype=object)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("arr_0.npy", bytes(50_000_000))
    contents = [
        array(objects, allow_pickle=True), pickle.dumps(Intruder(mark)), archive(np.zeros(3)), bomb.getvalue(), b"",
        array(np.zeros((20, 16, 16, 16))), array(np.zeros(20, np.uint8)),
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 40) + b"{'descr': __import__('os').abort()}     \n",
    ]  # fmt: skip
    write_prepared(tmp_path / "prepared")
    for content in contents:
        (tmp_path / "prepared/volumes.npy").write_bytes(content)
        with pytest.raises(InputError, match=r"prepared/volumes\.npy: (damaged|holds) .*; prepare the cohort again"):
            Volumes(tmp_path / "prepared")


def test_kept_cubes_execute_nothing(tmp_path, mark, monkeypatch):
    (tmp_path / "raw").mkdir()
    nibabel.Nifti1Image(head(), np.diag([4.0, 4, 4, 1])).to_filename(tmp_path / "raw/a.nii")
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(preparation, "_write_kept", lambda *_: 1 / 0)
        prepare("study", config_for(tmp_path / "raw"), Paths(tmp_path))
    (part,) = tmp_path.glob("scratch/prepare/study/*/*.npz")
    np.savez(part, cube=np.array([Intruder(mark)], dtype=object), quality=np.array([Intruder(mark)], dtype=object))
    folder = prepare("study", config_for(tmp_path / "raw"), Paths(tmp_path))
    assert Volumes(folder).array.shape == (1, 16, 16, 16)


@pytest.mark.parametrize("tag", ["python/object/apply:pathlib.Path.touch", "python/object/new:os.system"])
def test_params_execute_nothing(tmp_path, mark, tag):
    path = tmp_path / "params.yaml"
    path.write_text(f"cohorts: !!{tag}\n  args: ['touch {mark}']\n")
    with pytest.raises(InputError, match=r"params\.yaml: not valid YAML: line 1: could not determine a constructor"):
        load(path)


@pytest.mark.parametrize("sizes", ["[NaN, 1, 1]", "[Infinity, 1, 1]", "[0, 1, 1]", "[1, 1]", "3", '"abc"', "{}"])
def test_numbers_of_a_configuration_that_are_none_are_refused(root, tmp_path, sizes):
    content = (root / "run/config.json").read_text()
    (tmp_path / "config.json").write_text(re.sub(r'("voxel_size_mm": )\[[^]]*\]', rf"\g<1>{sizes}", content))
    with pytest.raises(InputError, match=r"config\.json: damaged or of another version .*; train again"):
        alphagan.load(tmp_path)


def test_a_notebook_is_copied_without_running_or_keeping_what_it_shows(tmp_path, mark):
    code = nbformat.v4.new_code_cell(f"open({str(mark)!r}, 'w')")
    code.outputs = [nbformat.v4.new_output("display_data", {"text/html": "<script>alert(1)</script>"})]
    nbformat.write(nbformat.v4.new_notebook(cells=[code]), tmp_path / "a.ipynb")
    strip(tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    assert "<script>" not in (tmp_path / "b.ipynb").read_text()


@pytest.mark.parametrize("name", ["../x", "/x", "-x", "a/b", "a\0b", "a\nb", "", ".", "..", "x\n"])
def test_names_of_cohorts_and_models_cannot_lead_out_of_their_folder(root, tmp_path, name):
    cohort = {"kind": "template", "source": "x"}
    with pytest.raises(InputError, match="cohorts"):
        parse({"cohorts": {name: cohort}, "experiments": {}})
    content = json.loads((root / "run/config.json").read_text())
    for key in ("cohort", "name"):
        (tmp_path / "config.json").write_text(json.dumps(content | {key: name}))
        with pytest.raises(InputError, match=rf"config\.json: damaged .*{key}"):
            alphagan.load(tmp_path)


# ---- what is handed on


def prepared_with(folder, subjects):
    """A prepared cohort whose people are called so."""
    write_prepared(folder)
    lines = (folder / "subjects.csv").read_text().splitlines()
    for row, subject in enumerate(subjects, start=1):
        fields = lines[row].split(",")
        lines[row] = ",".join([fields[0], subject, "", "test", *fields[4:]])
    (folder / "subjects.csv").write_text("\n".join(lines) + "\n")
    return Volumes(folder)


def test_names_of_people_cannot_lead_out_of_the_folder(root, tmp_path):
    names = ["../../up", "/etc/absolute", "nul\0byte", "-rf", "..", ".", "~", "a\\b", "c:d", "e" * 200]
    run, volumes = alphagan.load(root / "run"), prepared_with(tmp_path / "prepared", names)
    paths = write_reconstructions(run, volumes, tmp_path / "deep" / "out")
    assert {path.parent for path in paths} == {tmp_path / "deep" / "out"} and all(path.is_file() for path in paths)
    assert {path.name for path in tmp_path.iterdir()} == {"prepared", "deep"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"out"}


def test_volumes_say_nothing_in_their_headers(root, tmp_path):
    run, volumes = alphagan.load(root / "run"), prepared_with(tmp_path / "prepared", ["Annabel-Quexington"])
    written = write_samples(run, 2, tmp_path / "samples") + write_reconstructions(run, volumes, tmp_path / "given-back")
    for path in written:
        header = nibabel.load(path).header
        for field in ("descrip", "db_name", "aux_file", "intent_name", "data_type"):
            assert not header[field].tobytes().strip(b"\0"), field
        assert not header.extensions
        packed = path.read_bytes()
        assert packed[3] & 0b11110 == 0 and packed[4:8] == bytes(4)  # no name, comment or time in the .gz
        unpacked = gzip.decompress(packed)
        assert b"Quexington" not in unpacked and str(tmp_path).encode() not in unpacked


def test_a_run_names_nobody(tmp_path):
    prepared_with(tmp_path / "prepared", ["Annabel-Quexington"])
    text = (tmp_path / "prepared/subjects.csv").read_text()
    (tmp_path / "prepared/subjects.csv").write_text(text.replace("sub-", "Quexington-"))
    fit(tiny_settings(), tmp_path / "prepared", tmp_path / "run", tmp_path / "scratch", figures.save_montage)
    for path in (path for path in tmp_path.glob("run/**/*") if path.is_file()):
        content = path.read_bytes()
        assert b"Quexington" not in content and str(tmp_path).encode() not in content, path.name


def chunks(png):
    at = 8
    while at < len(png):
        (length,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        yield kind.decode()
        at += 12 + length


def test_pictures_carry_no_words(tmp_path):
    png, pdf = figures.save(figures.montage(np.zeros((2, 16, 16, 16), np.uint8)), tmp_path / "a")
    assert set(chunks(png.read_bytes())) == {"IHDR", "pHYs", "IDAT", "IEND"}
    content = pdf.read_bytes()
    assert not re.search(rb"/(Author|Title|Subject|Keywords|CreationDate|ModDate)\b", content)
    assert str(tmp_path).encode() not in content
