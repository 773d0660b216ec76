"""A reader reads age, learns from batches of the stated mixture, and is tuned on people whom it learns from."""

import numpy as np
import pytest
import torch
from ageing import balls

from alphagan.seeding import seeded
from alphagan.settings.cohorts import Augment
from alphagan.utility.reader import Pool, Reader, augmented_pool, choose_rate, looks, pool
from alphagan.volumes.prepared import to_range


def scans(ages, seed=0):
    return to_range(balls(ages, seed))


def some_ages(n, seed):
    return np.random.default_rng(seed).uniform(20, 80, n)


def learn(pools, rates=(0.3,), share=0.5, updates=200, seed=0):
    return Reader(pools, share, rates, updates, 16, seeded("cpu", "test", seed))


def test_mirror_images_and_brightness_look_the_same():
    volumes = scans(some_ages(3, 0))
    torch.testing.assert_close(looks(volumes.flip(1)), looks(volumes))
    torch.testing.assert_close(looks((volumes + 1) * 0.8 - 1), looks(volumes), atol=1e-4, rtol=1e-4)
    assert looks(volumes).shape == (3, 4 * 8 * 8)


def test_a_reader_reads_the_age_of_others_and_better_from_more():
    asked = some_ages(60, 1)
    errors = []
    for n in (12, 100):
        ages = some_ages(n, 2)
        read = learn([pool(scans(ages, 3), ages)])(looks(scans(asked, 4)))[0]
        errors.append(np.abs(read - asked).mean())
    assert errors[1] < errors[0] < 15 and errors[1] < 4


def test_a_batch_holds_the_stated_share_of_each_pool():
    """Two pools of one look each: the age that is learned is the mean of theirs, weighed by their shares."""
    alike = torch.zeros(8, 5)
    first = Pool(alike, np.tile([19.0, 21.0], 4), np.arange(8))
    second = Pool(alike, np.tile([59.0, 61.0], 4), np.arange(8))
    for share, expected in ((0.25, 30), (0.5, 40)):
        reader = learn([first, second], share=share, updates=400)
        assert reader(torch.zeros(1, 5)).item() == pytest.approx(expected, abs=0.5)


def test_generated_brains_that_are_nothing_like_brains_do_not_make_it_diverge():
    ages = some_ages(24, 5)
    real = pool(scans(ages), ages)
    generated = Pool(5 * real.looks.flip(1), ages, real.people)
    reader = learn([real, generated], rates=(1.0,), share=0.25)
    squares = [
        ((part.looks - reader.centre) / reader.scale).square().sum(1).mean().item() for part in (real, generated)
    ]
    assert 0.75 * squares[0] + 0.25 * squares[1] == pytest.approx(1, rel=1e-3)
    read = reader(looks(scans(ages)))
    assert np.isfinite(read).all() and np.abs(read - ages).mean() < 20


def test_classical_augmentation_moves_and_keeps_the_age():
    ages = np.array([30.0, 60.0])
    found = augmented_pool(scans(ages), ages, 3, Augment(), 2, seeded("cpu", "a"))
    assert found.ages.tolist() == [30, 60] * 3 and found.people.tolist() == [0, 1] * 3
    assert not torch.allclose(found.looks[0], found.looks[2])
    still = augmented_pool(scans(ages), ages, 1, Augment(), 0, seeded("cpu", "a"))
    torch.testing.assert_close(still.looks, looks(scans(ages)), atol=1e-3, rtol=1e-3)


def test_the_rate_is_the_one_that_errs_least_in_people_left_out():
    ages = some_ages(30, 6)
    known = pool(scans(ages), ages)
    assert choose_rate(known, known, [1e-6, 0.3], 100, 8, seeded("cpu", "rate")) == 0.3
    shuffled = Pool(known.looks, np.random.default_rng(0).permutation(ages), known.people)
    assert choose_rate(shuffled, shuffled, [1e-6, 1.0], 100, 8, seeded("cpu", "rate")) == 1e-6
