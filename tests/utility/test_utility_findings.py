"""Differences that are there are found, those that are not are not, and a gain is told in people."""

from dataclasses import replace

import numpy as np
import pytest

from alphagan.utility.findings import beyond_guess, equivalent, findings, holm, two_sided, verdict
from alphagan.utility.shown import errors as drawn
from alphagan.utility.shown import guessing, named, table, worth

NUMBERS = [16, 32, 64, 128]
CURVE = np.array([13.0, 11.0, 9.0, 8.0])


def made(gain=0.0, people=200, seeds=3, seed=0):
    """Errors that fall with n; an arm that is `gain` years better than classical augmentation, and one that is not."""
    rng = np.random.default_rng(seed)
    own = rng.exponential(1, (1, people))
    own /= own.mean()

    def arm(mean):
        return mean * own + rng.normal(0, 1, (seeds, people))

    errors = {n: {"real": arm(level), "classical": arm(level)} for n, level in zip(NUMBERS, CURVE, strict=True)}
    errors[64] |= {"vae_gan": arm(9.0 - gain), "memoriser": arm(9.0)}
    return errors


def found(**options):
    return findings(made(**options), [64], 0.7, 2000, 1)


def test_a_gain_is_seen_and_told_in_people():
    told = found(gain=0.9)[64]["vae_gan"]
    assert told.difference.value == pytest.approx(-0.9, abs=0.15) and told.difference.high < -0.7
    assert told.p_holm < 0.01 and told.verdict == "better"
    # 8.1 years are the error of 64 * 2^0.9 people, which are 55 more
    assert told.worth.value == pytest.approx(55, abs=12) and 0 < told.worth.low < told.worth.value < told.worth.high
    assert told.error.n == 200


def test_no_gain_is_not_seen():
    told = found()[64]
    for arm in ("vae_gan", "memoriser", "real"):
        assert told[arm].verdict == "no difference shown" and told[arm].p_holm > 0.05
        assert told[arm].difference.low < 0 < told[arm].difference.high
    assert told["classical"].difference is None
    assert told["vae_gan"].worth.low < 0 < told["vae_gan"].worth.high


def test_harm_is_seen_and_a_small_difference_does_not_count():
    assert found(gain=-1.0)[64]["vae_gan"].verdict == "worse"
    assert found(gain=0.4)[64]["vae_gan"].verdict == "too small to count"
    assert verdict(-1.0, 0.04, 0.7) == "better" and verdict(-1.0, 0.05, 0.7) == "no difference shown"


def test_the_interval_is_over_people_and_holds_as_often_as_it_says():
    covered = 0
    for seed in range(60):
        told = findings(made(gain=1.0, people=60, seed=seed), [64], 0.7, 300, seed)[64]["vae_gan"].difference
        covered += told.low < -1.0 < told.high
    assert covered >= 51  # 3.6 standard deviations below 57


def test_people_are_paired():
    """The interval of a difference is that of what differs, not of what people have in common."""
    told = found(gain=1.0)[64]["vae_gan"]
    assert told.difference.high - told.difference.low < (told.error.high - told.error.low) / 3


def test_equivalent_people_lie_on_the_logarithm_of_the_curve():
    assert [equivalent(error, CURVE, NUMBERS) for error in CURVE] == pytest.approx(NUMBERS)
    assert equivalent(10.0, CURVE, NUMBERS) == pytest.approx(32 * 2**0.5)
    assert equivalent(7.0, CURVE, NUMBERS) == pytest.approx(128)
    assert equivalent(20.0, CURVE, NUMBERS) == pytest.approx(16)
    assert 32 < equivalent(10.9, np.array([13.0, 11.0, 11.5, 8.0]), NUMBERS) < 128


def test_what_is_beyond_the_curve_is_said():
    told = found(gain=4.0)[64]["vae_gan"]
    assert told.beyond == "above" and worth(told, -48, 64).startswith("more than was tried: ≥ +64")
    assert found(gain=-6.0)[64]["vae_gan"].beyond == "below"
    assert worth(found(gain=0.9)[64]["vae_gan"], -48, 64).endswith(", ≥ +64]")  # as some resamples are
    none = replace(told, worth=replace(told.worth, value=0.0))
    assert worth(none, -48, 0) == "more than was tried"  # of the largest number of people
    assert "≥" not in worth(found(gain=-0.9)[64]["vae_gan"], -48, 64)


def test_verdicts_of_one_seed_say_so():
    one, three = (found(gain=0.9, seeds=seeds)[64]["vae_gan"].verdict for seeds in (1, 3))
    assert (one, three) == ("better (one seed)", "better")


def test_holm_is_as_in_the_textbook():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]


def test_p_values_count_both_sides():
    assert two_sided(np.array([-1.0] * 99)) == pytest.approx(2 / 100)
    assert two_sided(np.array([-1.0, 1.0] * 50)) == 1


def test_the_table_and_the_figure_have_every_arm():
    told = found(gain=1.0)
    text = table(told, [64])
    assert text.count("\n") == 2 + 4 and "| + VAE-GAN |" in text and "| real alone |" in text and "better" in text
    axes = drawn(told, "People").axes[0]
    arms = [line for line in axes.lines if not line.get_label().startswith("_")]  # the others are borders
    assert [line.get_label() for line in arms] == [named(arm) for arm in told[64]]
    by_arm = {line.get_label(): line.get_ydata() for line in arms}
    assert all(abs(line.get_xdata() - line.get_xdata().round()).max() < 0.5 for line in arms)  # each at its number
    assert len(by_arm["real alone"]) == 4 and len(by_arm["+ VAE-GAN"]) == 1
    assert named("vae_gan_alone") == "VAE-GAN alone"


@pytest.mark.parametrize(("better", "read"), [(2.0, True), (0.0, False), (-1.0, False)])
def test_readers_that_are_no_better_than_the_mean_age_are_told(better, read):
    rng = np.random.default_rng(0)
    guesses = rng.exponential(12, (1, 200)) + rng.normal(0, 0.1, (3, 200))
    errors = guesses - better + rng.normal(0, 3, (3, 200))
    guess, difference = beyond_guess(errors, guesses, 2000, 1)
    assert guess.value == pytest.approx(guesses.mean()) and difference.value == pytest.approx(-better, abs=0.5)
    line = guessing(guess, difference, 128)
    assert ("no verdict says anything" in line) != read and line.startswith("To say the mean age of 128 people errs by")
