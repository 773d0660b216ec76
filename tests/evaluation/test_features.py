import json

import numpy as np
import pytest
import torch
from factories import write_prepared

from alphagan.errors import InputError
from alphagan.evaluation.features import contrastive
from alphagan.evaluation.features.contrastive import ContrastiveEncoder, nt_xent, views
from alphagan.evaluation.features.network import FeatureNetwork, load_features, train_features
from alphagan.settings.sections import Features
from alphagan.volumes.brain import brain_intensities, brain_mask
from alphagan.volumes.prepared import Volumes

FEW = Features(seed=3, iterations=3, batch_size=4, threads=1)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp("cohort") / "blobs")


@pytest.fixture(scope="module")
def trained(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    settings = Features(seed=3, iterations=40, batch_size=8, threads=1)
    return train_features(prepared, folder, settings), folder


@pytest.fixture
def blobs(prepared):
    volumes = Volumes(prepared)
    return volumes.tensor(volumes.rows())


def naive_nt_xent(z, people, temperature):
    n, losses = len(people), []
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        others = [k for k in range(2 * n) if k == j or people[k % n] != people[i % n]]
        total = sum(np.exp(z[i] @ z[k] / temperature) for k in others)
        losses.append(-np.log(np.exp(z[i] @ z[j] / temperature) / total))
    return np.mean(losses)


@pytest.mark.parametrize("people", [[0, 1, 2, 3], [0, 1, 0, 2]])
def test_nt_xent_equals_naive_loops(people):
    z = torch.nn.functional.normalize(torch.randn(8, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    expected = naive_nt_xent(z.double().numpy(), people, 0.3)
    assert nt_xent(z, torch.tensor(people), 0.3).item() == pytest.approx(expected, rel=1e-5)


def test_loss_is_lowest_where_views_agree_and_people_differ():
    apart = torch.eye(4).repeat(2, 1)
    together = torch.ones(8, 4) / 2
    people = torch.arange(4)
    assert nt_xent(apart, people, 0.1) < 1e-3
    assert nt_xent(together, people, 0.1).item() == pytest.approx(np.log(7), rel=1e-5)


def test_views_are_drawn_for_each_volume_and_again_from_the_same_seed(blobs):
    x = blobs[:1].repeat(6, 1, 1, 1, 1)
    first, again = (views(x, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == x.shape and first.abs().max() <= 1
    assert all((first[0] - other).abs().mean() > 0.01 for other in first[1:])
    assert (first[:, :, 0, 0, 0] == -1).all()  # background stays so


def test_views_without_any_change_are_the_volumes_or_their_mirror_images(blobs, monkeypatch):
    for name in ("TURN_DEGREES", "STRETCH", "SHIFT", "NOISE_SD"):
        monkeypatch.setattr(contrastive, name, 0.0)
    x = blobs[:1].repeat(40, 1, 1, 1, 1) + 0.001 * torch.arange(16).view(1, 1, 16, 1, 1)  # left is not right
    seen = views(x, torch.Generator().manual_seed(0))
    mirrored = [torch.allclose(view, scan.flip(1), atol=1e-4) for view, scan in zip(seen, x, strict=True)]
    plain = [torch.allclose(view, scan, atol=1e-4) for view, scan in zip(seen, x, strict=True)]
    assert all(a != b for a, b in zip(mirrored, plain, strict=True))
    assert 8 <= sum(mirrored) <= 32


def test_a_view_is_turned_by_no_more_than_five_degrees(monkeypatch):
    for name in ("STRETCH", "SHIFT", "NOISE_SD"):
        monkeypatch.setattr(contrastive, name, 0.0)
    grid = torch.stack(torch.meshgrid(*3 * [torch.linspace(-1, 1, 24)], indexing="ij"))
    rod = ((grid[0].abs() < 0.1) & (grid[2].abs() < 0.1) & (grid[1].abs() < 0.8)).float() * 2 - 1  # along Y
    angles = []
    for view in views(rod.repeat(20, 1, 1, 1, 1), torch.Generator().manual_seed(1))[:, 0]:
        weights = (view + 1).clamp(min=0)
        moments = torch.einsum("axyz,bxyz,xyz->ab", grid, grid, weights)
        direction = torch.linalg.eigh(moments)[1][:, -1]
        angles.append(torch.rad2deg(torch.acos(direction[1].abs().clamp(max=1))).item())
    assert 2 < max(angles) < 5 * 3**0.5


def test_brightness_changes_nothing(blobs):
    dim = (blobs + 1) * 0.6 - 1
    assert torch.equal(brain_mask(dim), brain_mask(blobs))
    torch.testing.assert_close(brain_intensities(dim), brain_intensities(blobs))
    assert brain_intensities(blobs)[blobs > 0].mean() == pytest.approx(1, abs=0.5)
    assert brain_intensities(torch.full((1, 1, 8, 8, 8), -1.0)).abs().max() == 0


def test_features_depend_on_the_volume_alone(trained, blobs):
    features, _ = trained
    volumes = blobs[:, 0]
    together = features.embed(volumes)
    assert together.shape == (20, 128)
    torch.testing.assert_close(features.embed(volumes[7:8]), together[7:8], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(features.embed((volumes + 1) * 0.7 - 1), together, rtol=1e-3, atol=1e-4)
    points = features.project(volumes)
    torch.testing.assert_close(points.norm(dim=1), torch.ones(20))


def test_training_tells_people_apart(trained, blobs):
    """Two views of held-out people, each among all others: found more often than by an untrained network."""
    features, folder = trained
    generator = torch.Generator().manual_seed(9)
    a, b = (views(blobs, generator)[:, 0] for _ in range(2))

    def found(project):
        similarity = project(a) @ project(b).T
        return (similarity.argmax(1) == torch.arange(len(a))).double().mean().item()

    torch.manual_seed(3)
    untrained = FeatureNetwork(ContrastiveEncoder(16).eval().requires_grad_(False), "")
    assert found(features.project) > max(0.25, found(untrained.project))
    loss = json.loads((folder / "config.json").read_text())["loss"]
    assert loss["last"] < 0.8 * loss["first"]


def test_the_name_says_what_it_was_trained_on(trained, prepared):
    features, folder = trained
    assert features.name == "self-supervised 3D CNN, 128-d, trained on 12 scans of blobs, seed 3, 40 iterations"
    config = json.loads((folder / "config.json").read_text())
    assert config["name"] == features.name and config["people"] == 12
    assert config["data"] == Volumes(prepared).fingerprint()
    weights = torch.load(folder / "weights.pt", weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in weights.values())


def test_the_same_settings_give_the_same_bytes_whatever_was_drawn_before(prepared, tmp_path):
    train_features(prepared, tmp_path / "a", FEW)
    torch.rand(7)
    before = torch.get_rng_state()
    train_features(prepared, tmp_path / "b", FEW)
    assert torch.equal(torch.get_rng_state(), before)
    assert (tmp_path / "a" / "weights.pt").read_bytes() == (tmp_path / "b" / "weights.pt").read_bytes()
    other = FEW.model_copy(update={"seed": 4})
    train_features(prepared, tmp_path / "c", other)
    assert (tmp_path / "c" / "weights.pt").read_bytes() != (tmp_path / "a" / "weights.pt").read_bytes()


def test_only_the_training_split_is_seen(tmp_path):
    folder = write_prepared(tmp_path / "cohort")
    train_features(folder, tmp_path / "a", FEW)
    volumes, array = Volumes(folder), np.load(folder / "volumes.npy")
    array[volumes.rows("val", "test")] = 255
    np.save(folder / "volumes.npy", array)
    train_features(folder, tmp_path / "b", FEW)
    assert (tmp_path / "a" / "weights.pt").read_bytes() == (tmp_path / "b" / "weights.pt").read_bytes()


@pytest.mark.parametrize(("size", "at_most"), [(32, 0.75e6), (64, 0.75e6), (128, 0.75e6)])
def test_the_network_is_small_at_every_size(size, at_most):
    network = ContrastiveEncoder(size).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) < at_most
    if size <= 64:
        assert network(torch.zeros(1, 1, size, size, size)).shape == (1, 128)


def test_bad_input_is_named(trained, tmp_path):
    features, folder = trained
    with pytest.raises(InputError, match="8 cubed.*16 cubed"):
        features.embed(torch.zeros(2, 8, 8, 8))
    with pytest.raises(InputError, match=r"config\.json: not found"):
        load_features(tmp_path)
    for name in ("config.json", "weights.pt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes()[:-20])
    with pytest.raises(InputError, match="damaged"):
        load_features(tmp_path)
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    whole = bytearray((folder / "weights.pt").read_bytes())
    whole[len(whole) // 2] ^= 64  # one bit of one weight
    (tmp_path / "weights.pt").write_bytes(whole)
    with pytest.raises(InputError, match="the checksum of .* is another.*train the feature network again"):
        load_features(tmp_path)
    lonely = write_prepared(tmp_path / "lonely", n=1)
    with pytest.raises(InputError, match="1 people to train on"):
        train_features(lonely, tmp_path / "out", FEW)
