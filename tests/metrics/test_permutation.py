"""The permutation test of the MMD against enumeration, and that it keeps its level and has power."""

from itertools import combinations

import numpy as np
import pytest
import torch
from phantoms import blurred, brains

from alphagan.errors import InputError
from alphagan.metrics.mmd import MMD
from alphagan.metrics.permutation import p_value, permutation_p_value


def normal(n, generator, mean=0.0, side=2):
    return torch.from_numpy(generator.normal(mean, 1, size=(n, side, side, side))).float()


def copies(x, c, generator, sd=0.1):
    """Each volume c times, slightly changed, and who it is."""
    volumes = torch.cat([x + sd * normal(len(x), generator, side=x.shape[-1]) for _ in range(c)])
    return volumes, list(range(len(x))) * c


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_equals_enumeration_of_all_divisions(kernel, generator):
    x, y = normal(5, generator), normal(4, generator, mean=0.5)
    mmd, pooled = MMD(x, y), torch.cat([x, y])
    observed = mmd.unbiased_value(kernel, mmd.median_distance)
    divisions = []
    for chosen in combinations(range(9), 5):
        rest = [i for i in range(9) if i not in chosen]
        divisions.append(MMD(pooled[list(chosen)], pooled[rest]).unbiased_value(kernel, mmd.median_distance))
    expected = np.mean(np.array(divisions) >= observed - 1e-6)
    found = permutation_p_value(mmd, kernel, n_permutations=20000, generator=generator)
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 20000))


@pytest.mark.parametrize("n_copies", [(1, 1), (4, 1), (3, 3)])
def test_keeps_its_level(n_copies, generator):
    p = []
    for _ in range(200):
        (x, who_x), (y, who_y) = (
            copies(normal(n, generator), c, generator) for n, c in zip((9, 12), n_copies, strict=True)
        )
        p.append(permutation_p_value(MMD(x, y, who_x, who_y), n_permutations=99, generator=generator))
    for level in (0.05, 0.25, 0.5):
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 200))


def test_copies_make_the_p_value_twice_the_median_over_draws(generator):
    x, y = normal(9, generator), normal(12, generator, mean=0.4)
    once = p_value(MMD(x, y), n_permutations=2000, generator=generator)
    twice, who = torch.cat([x, x]), [*range(9), *range(9)]  # whichever copy is drawn, the volumes are the same
    bandwidth = MMD(x, y).median_distance
    found = p_value(MMD(twice, y, who), bandwidth, n_permutations=2000, generator=generator)
    assert 0.02 < once.value < 0.4
    assert found.value == pytest.approx(2 * once.value, rel=0.2)
    assert found.n == once.n == 9


def test_scans_of_one_person_are_no_independent_witnesses(generator):
    """Taken for different people, four copies each would make chance differences look certain."""
    wrong = []
    for _ in range(30):
        x, y = (copies(normal(8, generator), 4, generator)[0] for _ in range(2))
        wrong.append(permutation_p_value(MMD(x, y), n_permutations=99, generator=generator))
    assert np.mean(np.array(wrong) <= 0.05) > 0.5


def test_finds_differences_and_repeats_itself():
    real, others = brains(30, seed=1, size=8), brains(30, seed=2, size=8)
    generators = [np.random.default_rng(3) for _ in range(5)]
    assert permutation_p_value(MMD(real, others), generator=generators[0]) > 0.05
    assert permutation_p_value(MMD(real, blurred(others, 0.8)), generator=generators[1]) == 1 / 1001
    collapsed = others.mean(0).expand(30, -1, -1, -1)
    assert permutation_p_value(MMD(real, collapsed), generator=generators[2]) == 1 / 1001
    twice = [permutation_p_value(MMD(real, others), generator=generators[i]) for i in (3, 4)]
    assert twice[0] == twice[1]


def test_equal_samples_never_differ():
    x = brains(10, size=8)
    assert permutation_p_value(MMD(x, x), n_permutations=99, generator=np.random.default_rng(0)) == 1


def test_bad_input_is_named(generator):
    mmd = MMD(normal(4, generator), normal(4, generator))
    with pytest.raises(InputError, match="n_permutations: 0"):
        permutation_p_value(mmd, n_permutations=0, generator=generator)
    with pytest.raises(InputError, match="kernel: 'cubic'"):
        permutation_p_value(mmd, "cubic", generator=generator)
