"""G as an ONNX file makes the brains that the run makes, in a runtime that knows no torch."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from factories import tiny_settings, write_prepared
from trainings import trained

import alphagan
from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.generation.share import export
from alphagan.training.loop import fit

MODELS = {
    "alpha_wgan_gp": {},
    "alpha_gan": {},
    "vae_gan": {},
    "wgan_gp": {},
    "alpha_wgan_gp_detail": {"head": "haar", "codes": "normalised"},
}


def made(path, z):
    """Volumes that the runtime makes of codes (B, z_dim)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["z"]
    return session.run(["x"], {"z": z})[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = trained(tmp_path_factory.mktemp("root"), tiny_settings(iterations=2))
    return alphagan.load(root / "run")


@pytest.mark.parametrize("name", MODELS)
def test_every_model_makes_the_same_brains_in_batches_of_any_size(name, tmp_path):
    root = trained(tmp_path, tiny_settings(iterations=2, name=name, model=MODELS[name]))
    run = alphagan.load(root / "run")
    path = export(run, tmp_path / "new" / "g.onnx")
    for n in (1, 5):
        x = made(path, run.random_codes(n, seed=3))
        assert x.shape == (n, 1, 16, 16, 16) and x.dtype == np.float32
        np.testing.assert_allclose(x[:, 0], run.sample(n, seed=3), atol=1e-5)
    assert np.ptp(x) > 0.5  # a volume without contrast would agree with anything


@pytest.mark.parametrize(("size", "head"), [(24, "resize"), (32, "haar")])
def test_cubes_of_other_sizes_are_the_same_too(size, head, tmp_path):
    settings = tiny_settings(size, iterations=1, model={"head": head})
    prepared = write_prepared(tmp_path / "prepared", size=size)
    run = alphagan.load(fit(settings, prepared, tmp_path / "run", tmp_path / "scratch"))
    x = made(export(run, tmp_path / "g.onnx"), run.random_codes(2))
    np.testing.assert_allclose(x[:, 0], run.sample(2), atol=1e-5)


def test_the_file_describes_itself_and_repeats_to_the_byte(run, tmp_path):
    path = export(run, tmp_path / "g.onnx", card="# What it is")
    model = onnx.load(path)
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(said["config"]) == json.loads((run.folder / "config.json").read_text())
    assert said["card"] == "# What it is" and model.producer_name == "alphagan"
    (x,) = model.graph.output
    assert [side.dim_param or side.dim_value for side in x.type.tensor_type.shape.dim] == ["batch", 1, 16, 16, 16]
    whole = path.read_bytes()
    assert export(run, path, card="# What it is").read_bytes() == whole


def test_the_command_line_writes_it_with_its_card(run, tmp_path, capsys):
    path = tmp_path / "g.onnx"
    assert main(["export", str(run.folder), "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    (card,) = [entry.value for entry in onnx.load(path).metadata_props if entry.key == "card"]
    assert card.startswith("# alpha_wgan_gp trained on tiny")
    assert main(["export", str(run.folder), "-o", str(path), "--all", "--force"]) == 2
    error = capsys.readouterr().err
    assert "g.onnx: holds G alone; leave out --all" in error and error.count("\n") == 1


def test_a_missing_library_is_told_and_leaves_nothing(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install 'alphagan\[onnx\]'"):
        export(run, tmp_path / "g.onnx")
    assert not list(tmp_path.iterdir())
