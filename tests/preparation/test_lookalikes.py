"""One person under two names is noticed, also mirrored, with another contrast or resampled; two people are not."""

import numpy as np
import pytest
from factories import write_prepared
from scipy import ndimage

from alphagan.preparation import lookalikes
from alphagan.preparation.lookalikes import described, look_alikes
from alphagan.volumes.prepared import Volumes
from alphagan.workbench.provenance import of_cubes

SIZE = 32


def brains(n, seed=0):
    """Ellipsoids with folds of their own, uint8."""
    rng = np.random.default_rng(seed)
    grid = (np.indices((SIZE,) * 3) - (SIZE - 1) / 2) / (SIZE / 2)
    inside = (grid**2).sum(0) < 0.9
    folds = [ndimage.gaussian_filter(rng.normal(size=inside.shape), 1.5) for _ in range(n)]
    return np.stack([np.where(inside, 120 + 300 * fold, 0).clip(0, 255) for fold in folds]).astype(np.uint8)


CHANGES = {
    "gamma": lambda x: 255 * (x / 255) ** 1.15,
    "bias field": lambda x: x * np.linspace(0.8, 1.2, SIZE)[:, None, None],
    "noise": lambda x: x + np.random.default_rng(1).normal(0, 5, x.shape) * (x > 0),
    "mirror image": lambda x: x[::-1],
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_version_of_a_scan_is_noticed_and_other_people_are_not(change):
    people = brains(8)
    again = np.stack([CHANGES[change](people[2].astype(float)).clip(0, 255), people[5]]).astype(np.uint8)
    names = [*map(str, range(8)), "x", "5"]
    flipped = change == "mirror image"
    assert look_alikes(np.concatenate([people, again]), names) == [(2, 8, flipped)]  # 5 is one person at two visits
    assert look_alikes(again, ["x", "5"], people, names[:8]) == [(0, 2, flipped)]
    assert look_alikes(again, ["x", "5"], people) == [(0, 2, flipped), (1, 5, False)]
    assert look_alikes(people, names[:8]) == []


def test_larger_cubes_are_averaged_down_and_many_are_left_alone(monkeypatch):
    people = brains(4)
    people[3] = people[0][::-1]
    large = people.repeat(2, 1).repeat(2, 2).repeat(2, 3)
    assert look_alikes(large, "abcd") == look_alikes(people, "abcd") == [(0, 3, True)]
    monkeypatch.setattr(lookalikes, "AT_A_TIME", 1)
    assert look_alikes(people, "abcd") == [(0, 3, True)]
    monkeypatch.setattr(lookalikes, "MOST", 3)
    assert look_alikes(people, "abcd") == []


def test_brains_of_few_voxels_are_not_compared():
    people = brains(4)[:, ::2, ::2, ::2]
    people[3] = people[0]
    assert np.median([np.count_nonzero(cube) for cube in people]) > lookalikes.FEWEST
    assert look_alikes(people, "abcd") == [(0, 3, False)]
    small = np.zeros((4, 16, 16, 16), np.uint8)
    small[:, 2:13, 3:13, 3:13] = people[:, 2:13, 3:13, 3:13]
    assert look_alikes(small, "abcd") == []


def test_a_cohort_is_told_of_the_first_pair(tmp_path):
    folder = write_prepared(tmp_path / "prepared", n=5)
    volumes = brains(5)
    np.save(folder / "volumes.npy", volumes)
    assert of_cubes(Volumes(folder)) == []
    volumes[4] = volumes[1][::-1]
    np.save(folder / "volumes.npy", volumes)
    (line,) = of_cubes(Volumes(folder))
    assert line.startswith("1 pairs of people look like one person each, such as sub-001 and sub-004 (the mirror image")
    assert described([], [], []) is None
