"""Whether a metric calls a sample worse than real scans, like them or better: by intervals and which way is better."""

import pytest

from alphagan.metrics import catalogue
from alphagan.metrics.catalogue import compare_with_real


def entry(value, low, high):
    return {"value": value, "low": low, "high": high, "n": 20}


@pytest.mark.parametrize(
    "name, real, found, verdict",
    [
        ("frechet", (5, 4, 6), (9, 7, 11), "worse"),
        ("frechet", (5, 4, 6), (7, 5.5, 9), "like"),
        ("frechet_med3d", (5, 4, 6), (2, 1, 3), "better"),
        ("recall", (0.9, 0.8, 1), (0.5, 0.4, 0.6), "worse"),
        ("recall", (0.9, 0.8, 0.95), (1, 0.96, 1), "better"),
        ("ms_ssim", (0.7, 0.65, 0.75), (0.6, 0.58, 0.62), "worse"),  # too diverse is not better
        ("ms_ssim", (0.7, 0.65, 0.75), (0.72, 0.69, 0.74), "like"),
        ("high_frequencies", (0, -0.1, 0.1), (-0.5, -0.6, -0.4), "worse"),
        ("high_frequencies", (-0.2, -0.3, -0.1), (0.01, -0.05, 0.05), "better"),
        # apart, though by size they overlap
        ("high_frequencies", (0.01, -0.04, 0.05), (-0.08, -0.12, -0.045), "worse"),
        ("brain_volume_cohens_d", (0.92, 0.09, 1.99), (-1.16, -1.97, -0.49), "worse"),  # on the other side of 0
        ("brain_volume_cohens_d", (0.92, 0.09, 1.99), (-0.5, -0.9, -0.1), "like"),  # no further from it
        ("brain_volume_cohens_d", (0.3, -0.1, 0.7), (-0.5, -0.9, -0.05), "like"),
        ("mmd_rbf_p", (0.3, 0.2, 0.4), (0.04, 0.03, 0.06), "worse"),
        ("mmd_rbf_p", (0.3, 0.28, 0.32), (0.06, 0.05, 0.07), "like"),
        ("mmd_rbf_p", (0.01, 0.0, 0.02), (0.001, 0.0, 0.002), "no verdict"),  # real people differ as well
        ("mmd_rbf_p", (0.01, 0.0, 0.02), (0.2, 0.1, 0.3), "like"),
    ],
)
def test_verdicts_follow_from_intervals_and_from_which_way_is_better(name, real, found, verdict):
    assert compare_with_real(name, entry(*found), entry(*real)) == verdict


@pytest.mark.parametrize(
    ("n", "n_real", "verdict"), [(9, 20, "no verdict"), (20, 9, "no verdict"), (10, 10, "worse"), (1, 20, "worse")]
)
def test_there_is_no_verdict_on_few_but_on_the_one_mean_brain(n, n_real, verdict):
    found, real = entry(9, 9, 9) | {"n": n}, entry(5, 4, 6) | {"n": n_real}
    assert compare_with_real("frechet", found, real) == verdict


def test_a_metric_that_ranks_a_fault_above_real_scans_is_said_to():
    cells = {"real": (5, 4, 6), "mean_brain": (1, 0, 2), "gaussian_noise": (5, 3, 7), "memoriser": (8, 7, 9)}
    told = catalogue.shortcomings({model: {"frechet": entry(*cell)} for model, cell in cells.items()})
    assert told == {"frechet": "prefers the mean brain to real scans; does not tell the noise model from real scans"}
