"""Batches visit everyone, augmentation does what the paper says on the right axis."""

import time
import tracemalloc

import numpy as np
import pytest
import torch
from factories import write_prepared
from hypothesis import given, settings
from hypothesis import strategies as st

from alphagan.seeding import Draws
from alphagan.settings.cohorts import Augment
from alphagan.volumes.augmentation import augment
from alphagan.volumes.prepared import Volumes, batch_indices, to_range, to_uint8
from alphagan.workbench.bench import data_path
from alphagan.workbench.bench.data_path import write_sparse_cohort


def test_uint8_and_back_is_the_identity():
    values = np.arange(256, dtype=np.uint8)
    x = to_range(values)
    assert (x[0], x[-1]) == (-1, 1)
    assert np.array_equal(to_uint8(x), values)


@settings(deadline=None)
@given(n=st.integers(1, 40), batch=st.integers(1, 50), seed=st.integers(0, 5))
def test_every_pass_visits_everyone_once(n, batch, seed):
    n_batches = -(-2 * n // batch)
    drawn = np.concatenate([batch_indices(n, batch, draw, seed) for draw in range(n_batches)])
    for start in (0, n):
        assert sorted(drawn[start : start + n]) == list(range(n))


def test_batches_depend_on_the_seed():
    assert not np.array_equal(batch_indices(100, 50, 0, seed=1), batch_indices(100, 50, 0, seed=2))


def generator():
    return torch.Generator().manual_seed(0)


def test_flip_swaps_left_and_right_only():
    x = torch.full((200, 1, 4, 4, 4), -1.0)
    x[:, 0, 0, 1, 2] = 1.0  # a bright voxel on the subject's left
    flipped = augment(x, Augment(flip=True, intensity=None), Draws(generator()))
    on_left, on_right = flipped[:, 0, 0, 1, 2] == 1, flipped[:, 0, 3, 1, 2] == 1
    assert torch.equal(on_left, ~on_right)  # it is on one side or the other, and nowhere else
    assert torch.equal((flipped == 1).sum((1, 2, 3, 4)), torch.ones(200, dtype=torch.long))
    assert 60 < on_right.sum() < 140


def test_intensity_scales_each_volume_and_keeps_the_background():
    x = torch.full((500, 1, 2, 2, 2), 1.0)
    x[:, :, 0] = -1.0
    scaled = augment(x, Augment(flip=False, intensity=[0.7, 1.0]), Draws(generator()))
    assert torch.all(scaled[:, :, 0] == -1)
    factor = (scaled[:, 0, 1, 0, 0] + 1) / 2
    assert 0.7 <= factor.min() < 0.71
    assert 0.99 < factor.max() <= 1.0
    assert torch.equal(augment(x, Augment(flip=False, intensity=None), Draws(generator())), x)


def test_reading_a_prepared_cohort(tmp_path):
    volumes = Volumes(write_prepared(tmp_path / "p"))
    assert volumes.size == 16
    assert [len(volumes.rows(split)) for split in ("train", "val", "test")] == [12, 4, 4]
    assert len(volumes.rows()) == 20
    x = volumes.tensor([3, 0])
    assert x.shape == (2, 1, 16, 16, 16)
    assert torch.equal(x[1, 0], to_range(volumes.array[0].copy()))
    assert np.allclose(volumes.voxel_sizes_mm([0, 1]), [[5, 6, 5]] * 2)
    assert np.allclose(volumes.affines([0])[0, :3, 3], [-40, -48, -40])


def test_augmentation_computes_what_the_formula_does_to_the_bit():
    x = torch.rand(6, 1, 5, 4, 3, generator=generator()) * 2 - 1
    before = x.clone()
    found = augment(x, Augment(flip=True, intensity=[0.7, 1.0]), Draws(generator()))
    rng = generator()
    flipped = torch.rand(6, 1, 1, 1, 1, generator=rng) < 0.5
    scale = 0.7 + (1.0 - 0.7) * torch.rand(6, 1, 1, 1, 1, generator=rng)
    assert torch.equal(found, (torch.where(flipped, x.flip(2), x) + 1) * scale - 1)
    augment(x, Augment(flip=False, intensity=[0.7, 1.0]), Draws(generator()))
    assert torch.equal(x, before)


def test_a_pass_over_a_large_cohort_shuffles_once(monkeypatch):
    shuffled, original = [], torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda *args, **kwargs: shuffled.append(args) or original(*args, **kwargs))
    for draw in range(1000):
        batch_indices(100_000, 4, draw, seed=123)
    assert shuffled == [(100_000,)]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """100 000 scans, 26 GB long and almost empty."""
    return write_sparse_cohort(tmp_path_factory.mktemp("large"), 100_000, 64)


def test_a_large_cohort_opens_quickly_and_small(large):
    assert (large / "volumes.npy").stat().st_size > 26e9
    tracemalloc.start()
    started = time.process_time()
    volumes = Volumes(large)
    assert time.process_time() - started < 0.4  # 0.02 s; as a list of dicts the table takes 0.5 s, and 200 MB
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
    rows = volumes.rows("train")
    assert len(rows) == 60_000
    assert len(set(volumes.people(rows))) == 30_000
    np.testing.assert_allclose(volumes.voxel_sizes_mm(rows).mean(0), [2.5, 2.875, 2.375])
    x = augment(volumes.tensor([99_999, 0, 5, 50_000]), Augment(), Draws(generator()))
    assert torch.equal(x, torch.full((4, 1, 64, 64, 64), -1.0))
    assert "subjects" not in vars(volumes)  # nothing of this needed the whole table


def test_the_benchmark_of_the_data_path_has_a_row_for_each_state_of_the_cache(monkeypatch):
    rows = data_path.measure(step_s=1000.0, size=16, n=50, repeats=3)
    assert [row["what"] for row in rows] == ["data path, scans read for the first time", "data path, scans read before"]
    assert all(0 < row["share"] < 0.03 for row in rows)


def test_fingerprint_follows_the_scans(tmp_path):
    folder = write_prepared(tmp_path / "p")
    before = Volumes(folder).fingerprint()
    text = (folder / "subjects.csv").read_text()
    (folder / "subjects.csv").write_text(text.replace("sub-000", "sub-xxx"))
    assert Volumes(folder).fingerprint() != before
