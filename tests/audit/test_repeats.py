"""A brain that is made again counts once, and a held-out scan that was trained on is refused."""

import numpy as np
import pytest
import torch
from audits import N_HELD_OUT, N_TRAIN, audit, people

from alphagan.audit.repeats import Repeats
from alphagan.errors import InputError


def noisy(volumes, sd, seed=0):
    noise = sd * torch.randn(volumes.shape, generator=torch.Generator().manual_seed(seed))
    return torch.where(volumes > -1, (volumes + noise).clamp(-1, 1), volumes)


def test_people_are_distinct_and_their_repeats_are_not(subjects):
    train, _, new = subjects
    repeats = Repeats(train)
    assert repeats.distinct(new).tolist() == list(range(len(new)))
    again = torch.cat([noisy(new, 0.02), new, noisy(new.flip(1), 0.02, 1), 0.85 * (new + 1) - 1])
    found = repeats.distinct(again)
    assert found.size == len(new) and sorted(found % len(new)) == list(range(len(new)))


def test_large_volumes_are_compared_as_small_ones_are(subjects):
    train, _, new = (
        volumes.repeat_interleave(4, 1).repeat_interleave(4, 2).repeat_interleave(4, 3) for volumes in subjects
    )
    assert Repeats(train).distinct(torch.cat([new, noisy(new, 0.1)])).size == len(new)


def test_of_repeats_the_nearest_to_a_training_scan_is_kept(subjects):
    """Else an exact copy behind a rough one would not be looked at."""
    train = subjects[0]
    volumes = torch.cat([noisy(train[:1], 0.03), train[:1], noisy(train[:1], 0.03, 1)])
    assert Repeats(train).distinct(volumes).tolist() == [1]


def test_equal_volumes_without_any_brain_are_one(subjects):
    train, _, new = subjects
    assert Repeats(train).distinct(torch.full((5, *new.shape[1:]), -1.0)).tolist() == [0]


def test_near_repeats_of_a_new_brain_are_one_finding(subjects):
    """Of a brain that happens to be beyond the threshold, twenty repeats are no twenty findings."""
    train, held_out, new = subjects
    near = 0.6 * train[:1] + 0.4 * new[:1]
    collapsed = torch.cat([noisy(near, 0.02, seed) for seed in range(20)] + [new])
    found = audit(train, people("t", N_TRAIN), held_out, people("h", N_HELD_OUT), collapsed, n_copies=2)
    criterion = found.comparisons["voxels"].criteria["relative"]
    assert criterion.flagged.value > 0 and criterion.flagged.n == found.n_distinct == len(new) + 1
    assert criterion.chance > 0.05


@pytest.mark.parametrize("disguise", [torch.clone, lambda x: x.flip(1), lambda x: 0.9 * (x + 1) - 1])
def test_a_held_out_scan_that_was_trained_on_under_another_name_is_refused(subjects, disguise):
    train, held_out, new = subjects
    held_out = torch.cat([held_out[:5], disguise(train[7:8]), held_out[6:]])
    said = (
        "^held_out: scan 5, of h5, is training scan 7, of t7, but for rounding; give both one name and split by person"
    )
    with pytest.raises(InputError, match=said):
        audit(train, people("t", N_TRAIN), held_out, people("h", N_HELD_OUT), new)


def test_volumes_may_be_eight_bits(subjects):
    train, _, new = subjects
    eight = ((new + 1) * 127.5).round().to(torch.uint8).numpy()
    assert Repeats(train).distinct(np.concatenate([eight, eight[:3]])).tolist() == list(range(len(new)))
