"""One person under two names is noticed, also turned, mirrored or with another contrast; two people are not."""

import nibabel
import numpy as np
import pytest
from factories import write_prepared
from scans import scan_of, write
from scipy import ndimage

from alphagan.preparation import lookalikes
from alphagan.preparation.cohorts import find_scans
from alphagan.preparation.lookalikes import Details, described, look_alikes, strangers
from alphagan.preparation.resample import area_resize, prepare_scan
from alphagan.preparation.together import of_cohort
from alphagan.settings.cohorts import NiftiCohort
from alphagan.settings.sections import SIZES, Prepare

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
    known = Details(people)
    news = Details(again, known)
    assert look_alikes(Details(np.concatenate([people, again])), names) == [(2, 8, flipped)]  # 5 is one at two visits
    assert look_alikes(news, ["x", "5"], known, names[:8]) == [(0, 2, flipped)]
    assert look_alikes(news, ["x", "5"], known) == [(0, 2, flipped), (1, 5, False)]
    assert look_alikes(known, names[:8]) == []


def test_larger_cubes_are_averaged_down_and_many_are_left_alone(monkeypatch):
    people = brains(4)
    people[3] = people[0][::-1]
    large = people.repeat(2, 1).repeat(2, 2).repeat(2, 3)
    assert look_alikes(Details(large), "abcd") == look_alikes(Details(people), "abcd") == [(0, 3, True)]
    monkeypatch.setattr(lookalikes, "AT_A_TIME", 1)
    assert look_alikes(Details(people), "abcd") == [(0, 3, True)]
    monkeypatch.setattr(lookalikes, "MOST", 3)
    assert look_alikes(Details(people), "abcd") == []


@pytest.mark.parametrize("size", [size for size in SIZES if 20 <= size <= 64])
def test_cubes_of_any_size_are_compared(size):
    people = brains(8)
    people[3] = people[0][::-1]
    resized = np.stack([area_resize(cube, (0, 0, 0), cube.shape, size).round() for cube in people]).astype(np.uint8)
    assert look_alikes(Details(resized), "abcdefgh") == [(0, 3, True)]


def test_scans_of_several_people_under_one_name_are_told():
    people = brains(12)
    again = (people * np.linspace(0.8, 1.2, SIZE)[:, None, None]).clip(0, 255).astype(np.uint8)
    cubes, rows = np.concatenate([people, again]), range(12)
    assert strangers(Details(cubes), [f"{row}" for row in rows] * 2) == []
    assert strangers(Details(cubes), [f"{row // 3}" for row in rows] * 2) == [(0, 1), (3, 4), (6, 7), (9, 10)]
    assert strangers(Details(people[:2]), "xx") == [(0, 1)] and strangers(Details(cubes[[3, 15]]), "xx") == []
    small = np.zeros((4, 16, 16, 16), np.uint8)
    assert strangers(Details(small), "xxyy") == []


def test_brains_of_few_voxels_are_not_compared():
    people = brains(4)[:, ::2, ::2, ::2]
    people[3] = people[0]
    assert np.median([np.count_nonzero(cube) for cube in people]) > lookalikes.FEWEST
    assert look_alikes(Details(people), "abcd") == [(0, 3, False)]
    small = np.zeros((4, 16, 16, 16), np.uint8)
    small[:, 2:13, 3:13, 3:13] = people[:, 2:13, 3:13, 3:13]
    assert look_alikes(Details(small), "abcd") == []


def test_a_cohort_is_told_of_the_first_pair(tmp_path):
    folder = write_prepared(tmp_path / "prepared", n=5)
    volumes = brains(5)
    np.save(folder / "volumes.npy", volumes)
    assert of_cohort(folder) == []
    volumes[4] = volumes[1][::-1]
    np.save(folder / "volumes.npy", volumes)
    (line,) = of_cohort(folder)
    assert line.startswith("1 pair of people looks like one person, such as sub-001 and sub-004 (the mirror image")
    assert described([], [], []) is None
    table = folder / "subjects.csv"
    table.write_text(table.read_text().replace("sub-003", "sub-002"))
    *_, line = of_cohort(folder)
    assert line.startswith("1 of 4 people have scans that look like several people's, such as ")
    assert line.endswith("of sub-002: if they are, tell who is who with a pattern, or rename the files")


def turned(cube, degrees):
    """A head that lies otherwise in the scanner."""
    for axes in ((0, 1), (1, 2), (0, 2)):
        cube = ndimage.rotate(cube, degrees, axes, reshape=False, order=1)
    return cube


@pytest.mark.parametrize("degrees", [0, 1, 3])
@pytest.mark.parametrize("flipped", [False, True])
def test_a_head_that_lies_otherwise_is_noticed(degrees, flipped):
    """Of an oblong shape, as balls have no direction."""
    grid = (np.indices((SIZE,) * 3) - (SIZE - 1) / 2) / (SIZE / 2) / np.reshape([0.8, 1, 0.7], (3, 1, 1, 1))
    people = brains(12) * ((grid**2).sum(0) < 0.8)
    again = turned(people[3].astype(float), degrees).clip(0, 255).astype(np.uint8)[:: -1 if flipped else 1]
    names = [*map(str, range(12)), "again"]
    assert look_alikes(Details(np.concatenate([people, again[None]])), names) == [(3, 12, flipped)]
    others = Details(np.concatenate([people[8:], again[None]]), known := Details(people[:8]))
    assert look_alikes(others, [*"abcd", "again"], known) == [(4, 3, flipped)]


def test_one_brain_again_and_again_is_noticed_although_it_is_the_mean():
    rng, brain = np.random.default_rng(0), brains(1)[0].astype(float)
    copies = np.stack([(brain + rng.normal(0, 5, brain.shape) * (brain > 0)).clip(0, 255) for _ in range(6)])
    assert len(look_alikes(Details(copies.astype(np.uint8)), "abcdef")) == 15


@pytest.mark.data
@pytest.mark.parametrize(("fit", "size", "most_missed"), [("stretch", 32, 0), ("pad", 32, 0), ("stretch", 16, 3)])
def test_second_visits_of_real_people_are_noticed(real_scans, tmp_path, fit, size, most_missed):
    """Made up: turned, of another contrast, with a bias field and noise. Nobody else is like anybody."""
    rng, settings = np.random.default_rng(0), Prepare(size=size, fit=fit)
    scans = find_scans(NiftiCohort(kind="nifti", source=str(real_scans / "ixi")))[::3]
    visits = []
    for number, scan in enumerate(scans[:12]):
        image = nibabel.load(scan.image)
        head = np.pad(image.get_fdata() / 255, 6)
        head = turned(head, rng.uniform(-7, 7)) * np.linspace(0.8, 1.2, head.shape[1])[:, None]
        again = np.where(head > 0.1, head ** rng.uniform(0.85, 1.15) + rng.normal(0, 0.02, head.shape), 0)
        visits.append(scan_of(write(tmp_path / f"{number}.nii", again, image.affine)))
    cubes = np.stack([prepare_scan(scan, settings).cube for scan in (*scans, *visits)])
    pairs = look_alikes(Details(cubes), list(map(str, range(len(cubes)))))
    right = {(number, len(scans) + number, False) for number in range(12)}
    assert set(pairs) <= right and len(pairs) >= 12 - most_missed
    few = cubes[: len(scans)].copy()
    few[:3] = few[:3, :, :, ::-1]  # upside down, and so all three unlike the mean in the same way
    assert look_alikes(Details(few), list(map(str, range(len(few))))) == []
    people = [scan.subject for scan in (*scans, *scans[:12])]
    assert strangers(Details(cubes), people) == []
    assert len(strangers(Details(cubes[:60]), [str(row // 4) for row in range(60)])) == 15  # four people of a site each
