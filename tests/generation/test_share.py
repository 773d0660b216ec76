"""A run that was passed on as one file, or as a data set, makes the same brains."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from factories import tiny_settings
from safetensors import safe_open
from safetensors.torch import save_file
from torch.utils.data import DataLoader
from trainings import trained

import alphagan
from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.generation.nifti import write_samples
from alphagan.generation.share import export
from alphagan.volumes.prepared import to_uint8


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("root"), tiny_settings(iterations=1))


@pytest.fixture
def run(root):
    return alphagan.load(root / "run")


def test_the_generator_alone_is_one_file_that_describes_itself(root, run, tmp_path):
    path = export(run, tmp_path / "new" / "g.safetensors", card="# What it is")
    with safe_open(path, "np") as file:
        said = file.metadata()
    assert json.loads(said["config"]) == json.loads((root / "run" / "config.json").read_text())
    assert said["card"] == "# What it is"
    assert path.stat().st_size < (root / "run" / "weights.pt").stat().st_size / 2
    shared = alphagan.load(path)
    assert shared.networks.names == ("G_average",) and not shared.has_encoder
    assert np.array_equal(shared.sample(3, seed=1), run.sample(3, seed=1))
    assert np.array_equal(shared.affine, run.affine) and shared.settings == run.settings
    with pytest.raises(InputError, match="has no network G, only G_average"):
        shared.sample(1, weights="G")


def test_all_networks_come_along_where_asked_for(run, tmp_path):
    shared = alphagan.load(export(run, tmp_path / "all.safetensors", everything=True))
    assert set(shared.networks.names) == set(run.networks.names)
    x = run.sample(2)
    assert np.array_equal(shared.encode(x), run.encode(x))
    assert np.array_equal(shared.sample(2, weights="G_early"), run.sample(2, weights="G_early"))


def test_files_that_are_there_stay_unless_forced(root, tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("mine")
    for command, name in (("card", "mine.yaml"), ("export", "g.safetensors")):
        there = tmp_path / name
        there.write_text("mine")
        assert main([command, str(root / "run"), "-o", str(there)]) == 2
        assert f"{there}: is there already; name another file with -o, or add --force" in capsys.readouterr().err
        assert there.read_text() == "mine"
        assert main([command, str(root / "run"), "-o", str(there), "--force"]) == 0
        assert there.read_bytes() != b"mine"
    assert main(["sample", str(root / "run"), "-o", str(root / "run")]) == 2
    assert "is the folder of a run; name a new one" in capsys.readouterr().err


def test_the_file_of_g_alone_gives_no_scan_back(root, run, tmp_path, capsys):
    path, prepared = export(run, tmp_path / "g.safetensors"), root / "prepared"
    assert main(["reconstruct", str(path), "--prepared", str(prepared), "-o", str(tmp_path / "out")]) == 2
    assert "the file lacks its encoder; export it with --all" in capsys.readouterr().err


def test_command_line_samples_from_the_file(root, tmp_path, capsys):
    path = tmp_path / "g.safetensors"
    assert main(["export", str(root / "run"), "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    with safe_open(path, "np") as file:
        assert file.metadata()["card"].startswith("# alpha_wgan_gp trained on tiny")
    for source, out in ((path, "a"), (root / "run", "b")):
        assert main(["sample", str(source), "-n", "2", "-o", str(tmp_path / out)]) == 0
    names = ("sample-0000.nii.gz", "sample-0001.nii.gz")
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def half(path):
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (half, "damaged"),
        (lambda path: path.unlink(), "no such file; name a run's folder, or a file that alphagan export wrote"),
        (lambda path: save_file({"a": torch.zeros(1)}, path), "does not describe a run"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_a_line(run, tmp_path, capsys, spoil, message):
    path = export(run, tmp_path / "g.safetensors")
    spoil(path)
    assert main(["sample", str(path), "-n", "1", "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_weights_of_another_run_become_no_file(root, tmp_path):
    copy = shutil.copytree(root / "run", tmp_path / "run")
    torch.save(
        torch.load(copy / "weights.pt") | {"G_average": torch.load(copy / "weights.pt")["G"]}, copy / "weights.pt"
    )
    with pytest.raises(InputError, match="not the weights that"):
        export(alphagan.load(copy), tmp_path / "g.safetensors")
    assert not (tmp_path / "g.safetensors").exists()


def test_another_ending_or_a_missing_library_is_told(run, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="name a file that ends in .safetensors"):
        export(run, tmp_path / "g.pt")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(InputError, match=r"pip install 'alphagan\[share\]'"):
        export(run, tmp_path / "g.safetensors")


def test_items_of_the_data_set_are_the_samples(run, tmp_path):
    import nibabel

    paths = write_samples(run, 5, tmp_path, seed=3)
    dataset = alphagan.SyntheticDataset(run, 5, seed=3)
    assert len(dataset) == 5 and torch.allclose(dataset[1:3][1, 0], dataset[2][0], atol=1e-5)
    with pytest.raises(InputError, match=r"seed: 1\.5; give a whole number"):
        alphagan.SyntheticDataset(run, 5, seed=1.5)
    for n in (2.5, True, "3"):
        with pytest.raises(InputError, match=f"n: {n!r}; give a whole number"):
            alphagan.SyntheticDataset(run, n)
    for i in (0, 4, -1):
        written = np.asarray(nibabel.load(paths[i]).dataobj).astype(int)
        np.testing.assert_allclose(to_uint8(dataset[i])[0].astype(int), written, atol=1)  # by rounding alone
        np.testing.assert_allclose(dataset[i][0], run.sample(5, seed=3)[i], atol=1e-5)
    with pytest.raises(IndexError):
        dataset[5]
    with pytest.raises(InputError, match="n: 0; give a whole number of at least 1"):
        alphagan.SyntheticDataset(run, 0)


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_make_the_same_brains(root, start):
    dataset = alphagan.SyntheticDataset(root / "run", 6, seed=1)
    expected = torch.stack([dataset[i] for i in range(6)])
    loader = DataLoader(dataset, batch_size=2, num_workers=2, multiprocessing_context=start)
    torch.testing.assert_close(torch.cat(list(loader)), expected, atol=1e-5, rtol=0)
