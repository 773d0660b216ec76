"""Volumes of generators whose critic saw everything augmented are augmented before they are compared with scans."""

import numpy as np
import torch
from factories import tiny_settings, write_prepared

import alphagan
from alphagan.evaluation.samples import drawn
from alphagan.training import fit


def test_volumes_are_augmented_where_the_generator_makes_such_that_are_not(tmp_path):
    prepared, found = write_prepared(tmp_path / "prepared"), {}
    for augmentation in ("real", "both"):
        settings = tiny_settings(model={"augmentation": augmentation}, iterations=2)
        run = alphagan.load(fit(settings, prepared, tmp_path / augmentation, tmp_path / "scratch"))
        found[augmentation] = run.sample(8, seed=3), drawn(run, 8, seed=3)
    made, compared = found["real"]
    torch.testing.assert_close(compared, torch.from_numpy(made))
    made, compared = found["both"]
    same = [(compared[i].numpy(), made[i], made[i, ::-1]) for i in range(8)]
    scales = [min(np.ptp((x + 1) / (y + 1)) for y in others) for x, *others in same]
    assert max(scales) < 1e-3  # each is its own volume, perhaps mirrored, times one number
    assert (compared + 1).mean() < 0.95 * (made + 1).mean()  # 0.85 on average


def test_a_model_that_trained_without_augmentation_is_compared_without(tmp_path):
    departing = {"name": "alpha_gan", "departures": ["no_augmentation"], "model": {"augmentation": "both"}}
    prepared = write_prepared(tmp_path / "prepared")
    run = alphagan.load(fit(tiny_settings(iterations=2, **departing), prepared, tmp_path / "run", tmp_path / "scratch"))
    torch.testing.assert_close(drawn(run, 8, seed=3), torch.from_numpy(run.sample(8, seed=3)))
