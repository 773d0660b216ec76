"""Codes of people of an age and a sex: the regression beside an independent one, and what holds of the population."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from alphagan.errors import InputError, TooFewError
from alphagan.generation import conditional_fit
from alphagan.generation.conditional import ExtrapolationWarning, chosen, from_json
from alphagan.generation.conditional_fit import MOST_EXPLAINED, bounded, fit, fit_run, leave_one_out, ridge

N, Z = 40, 6


def people(n=N, seed=0, strength=0.5, z_dim=Z):
    """Ages, sexes that depend on them, and codes that depend on both."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(20, 80, n)
    sex = (rng.uniform(size=n) < 0.3 + 0.4 * (age > 50)).astype(float)
    moved = np.zeros((2, z_dim))
    moved[0, 0], moved[1, 1] = strength, strength
    own = rng.normal(size=(n, z_dim)) * np.sqrt(1 - strength**2 * (moved != 0).any(0))
    return {"age": age, "sex": sex}, np.stack([(age - 50) / 17, 2 * sex - 1], 1) @ moved + own


def standardised(covariates, codes):
    values = np.stack([*covariates.values()], 1)
    return (values - values.mean(0)) / values.std(0), codes - codes.mean(0)


@pytest.mark.parametrize("shrinkage", [0.01, 0.5, 20.0])
def test_leave_one_out_in_closed_form_is_that_of_fits_without_each_person(shrinkage):
    c, z = standardised(*people())
    other = Ridge(alpha=N * shrinkage)
    np.testing.assert_allclose(ridge(c, z, shrinkage).T, other.fit(c, z).coef_, atol=1e-10)
    left_out = cross_val_predict(other, c, z, cv=LeaveOneOut())
    assert leave_one_out(c, z, shrinkage) == pytest.approx(np.mean(np.sum((z - left_out) ** 2, 1)), rel=1e-10)


def test_the_shrinkage_is_that_of_the_least_error_and_least_squares_are_the_default():
    covariates, codes = people()
    c, z = standardised(covariates, codes)
    errors = [leave_one_out(c, z, shrinkage) for shrinkage in conditional_fit.SHRINKAGES]
    prior = fit(codes, covariates, shrink=True)
    assert prior.shrinkage == conditional_fit.SHRINKAGES[np.argmin(errors)]
    by_mean = np.mean(np.sum(cross_val_residuals(z) ** 2, 1))
    assert prior.explained == pytest.approx(1 - min(errors) / by_mean, rel=1e-10)
    np.testing.assert_allclose(prior.coefficients, Ridge(alpha=N * prior.shrinkage).fit(c, z).coef_, atol=1e-10)
    plain = fit(codes, covariates)
    assert (plain.shrinkage, plain.explained) == (0, prior.explained)
    np.testing.assert_allclose(plain.coefficients, np.linalg.lstsq(c, z, rcond=None)[0].T, atol=1e-10)
    unrelated = fit(*reversed(people(strength=0.0)), shrink=True)
    assert unrelated.shrinkage > prior.shrinkage
    assert prior.explained > 0.04 and unrelated.explained < 0.01


def cross_val_residuals(z):
    """Error of the mean of all others."""
    return z - np.array([np.delete(z, i, 0).mean(0) for i in range(len(z))])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.floats(0.1, 30))
def test_something_is_left_to_draw_in_every_direction(seed, scale):
    rng = np.random.default_rng(seed)
    B, r = scale * rng.normal(size=(Z, 2)), rng.uniform(-0.999, 0.999)
    R = np.array([[1, r], [r, 1]])
    kept = bounded(B, R)
    explained = np.linalg.eigvalsh(kept @ R @ kept.T)
    assert explained.max() <= MOST_EXPLAINED + 1e-9
    before = np.linalg.eigvalsh(B @ R @ B.T)
    np.testing.assert_allclose(explained[-2:], np.minimum(before[-2:], MOST_EXPLAINED), atol=1e-8)


def test_a_fit_that_is_within_bounds_stays_as_it_is():
    B, R = np.array([[0.5, 0.0], [0.0, 0.4], [0.1, 0.1]]), np.eye(2)
    np.testing.assert_allclose(bounded(B, R), B, atol=1e-12)


@pytest.mark.parametrize("strength", [0.5, 3.0])  # of the second, codes vary more than random ones
def test_over_the_population_codes_are_as_those_that_g_was_trained_with(strength):
    covariates, codes = people(strength=min(strength, 1.0))
    prior = fit(strength * codes, covariates)
    if strength > 1:
        B, R = np.array(prior.coefficients), np.array(prior.correlation)
        assert np.linalg.eigvalsh(B @ R @ B.T).max() == pytest.approx(MOST_EXPLAINED)
    residual = np.random.default_rng(1).normal(size=(2000, Z))
    drawn = np.concatenate(
        [
            prior.codes(residual, {"age": float(age), "sex": "FM"[int(sex)]})
            for age, sex in zip(*covariates.values(), strict=True)
        ]
    )
    np.testing.assert_allclose(drawn.mean(0), residual.mean(0), atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(Z), atol=0.1)


def test_what_is_not_given_is_as_it_may_be():
    """Codes of an age alone are those of women and men of it in one, as far as they are jointly normal."""
    prior = fit(*reversed(people(4000, strength=0.6)))
    residual = np.random.default_rng(2).normal(size=(20000, Z))
    alone = prior.codes(residual, {"age": 70})
    (place,), c = prior.standardised({"age": 70.0})
    B, R = np.array(prior.coefficients), np.array(prior.correlation)
    other = R[1, 0] * c[0]  # E[sex | age]
    np.testing.assert_allclose(alone.mean(0), B @ [c[0], other] + residual.mean(0) * 0, atol=0.03)
    expected = np.eye(Z) - np.outer(B @ R[:, place], B @ R[:, place])
    np.testing.assert_allclose(np.cov(alone.T), expected, atol=0.04)


def test_one_residual_is_one_person_at_any_age():
    prior = fit(*reversed(people()))
    residual = np.random.default_rng(3).normal(size=(3, Z))
    young, old = (prior.codes(residual, {"age": age}) for age in (25, 75))
    np.testing.assert_allclose(np.diff(old - young, axis=0), 0, atol=1e-6)
    assert np.abs(old - young).max() > 0.1
    assert young.dtype == np.float32


def test_people_without_a_value_and_covariates_without_a_difference_are_left_out():
    covariates, codes = people()
    covariates["age"][:5] = np.nan
    prior = fit(codes, covariates)
    assert prior.people == N - 5
    same = fit(codes[5:], {name: values[5:] for name, values in covariates.items()})
    assert prior == same
    women = fit(codes, {"age": covariates["age"], "sex": np.zeros(N)})
    assert women.names == ("age",)
    assert fit(codes, {"age": covariates["age"], "sex": np.full(N, np.nan)}).names == ("age",)
    for few in ({"age": np.full(N, np.nan)}, {"age": np.full(N, 40.0)}, {}):
        with pytest.raises(TooFewError, match="complete the table"):
            fit(codes, few)


def test_the_range_is_told_in_whole_years():
    covariates, codes = people()
    prior = fit(codes, covariates)
    assert prior.low[0] == np.floor(covariates["age"].min()) < covariates["age"].min()
    assert prior.high[0] == np.ceil(covariates["age"].max())


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"sex": "X"}, "sex: 'X' is unknown; use F or M"),
        ({"sex": 1}, "sex: 1 is unknown; use F or M"),
        ({"age": "old"}, "age: 'old' is no number"),
        ({"age": float("nan")}, "age: nan is no number"),
        ({"weight": 70}, "weight: nothing was learned of it, only of age, sex; leave it out"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(asked, says):
    with pytest.raises(InputError, match=says):
        fit(*reversed(people())).codes(np.zeros((1, Z)), asked)


def test_an_age_beyond_all_training_people_is_told():
    prior = fit(*reversed(people()))
    with pytest.warns(ExtrapolationWarning, match=r"age 101 is beyond the training people's, \d+ to \d+: extrapolated"):
        prior.codes(np.zeros((1, Z)), chosen(101, "F"))
    assert prior.notes({"age": prior.low[0], "sex": "M"}) == prior.notes({"age": prior.high[0], "sex": "F"}) == []


def test_an_age_and_a_sex_that_no_training_people_have_together_are_told():
    _, codes = people()
    women = np.arange(N) % 2 == 0
    prior = fit(codes, {"age": np.where(women, 70.0, 30.0) + np.arange(N) % 5, "sex": 1.0 - women})
    assert prior.notes(chosen(71, "M")) == ["age 71 is far from that of most training people of sex M: extrapolated"]
    assert prior.notes(chosen(71, "F")) == prior.notes(chosen(71, None)) == prior.notes(chosen(None, "M")) == []
    exact = fit(codes, {"age": np.where(women, 70.0, 30.0), "sex": 1.0 - women})
    for age, sex, n_notes in ((70, "M", 1), (30, "F", 1), (70, "F", 0), (30, "M", 0)):
        assert len(exact.notes(chosen(age, sex))) == n_notes


def test_people_of_whom_there_are_few_are_not_told_to_be_none():
    covariates, codes = people(n=100)
    prior = fit(codes, {"age": covariates["age"], "sex": (np.arange(100) < 3).astype(float)})
    age = float(covariates["age"][0])
    few = ["sex M was learned from 3 of 100 training people"]
    assert prior.notes(chosen(None, "M")) == prior.notes(chosen(age, "M")) == few
    assert prior.notes(chosen(age, None)) == prior.notes(chosen(None, "F")) == []


def test_covariates_that_all_people_share_are_named():
    _, codes = people()
    with pytest.raises(TooFewError, match="all 40 training people have the same age and sex, so that nothing"):
        fit(codes, {"age": np.full(N, 40.0), "sex": np.ones(N)})


def test_it_is_read_as_it_was_written():
    prior = fit(*reversed(people()), weights_sha256="0a")
    assert from_json(prior.as_json()) == prior


def test_several_scans_of_a_person_count_as_one():
    covariates, codes = people()
    rows = [k for k in range(N) for _ in range(1 + k % 3)]  # one to three scans of each
    offsets = np.array([[0.3], [-0.3], [0.0]])[[rows[:i].count(k) for i, k in enumerate(rows)]]
    offsets[[i for i, k in enumerate(rows) if k % 3 == 0]] = 0
    scans = SimpleNamespace(
        array=codes[rows] + offsets,
        rows=lambda split: list(range(len(rows))),
        people=lambda chosen: [f"{rows[row]:02d}" for row in chosen],
    )
    run = SimpleNamespace(encode=lambda x: x, has_encoder=True, networks=SimpleNamespace(sha256="0a"))
    found = fit_run(run, scans, {name: values[rows] for name, values in covariates.items()})
    expected = fit(codes, covariates, weights_sha256="0a")
    assert found.people == N and found.weights_sha256 == "0a"
    np.testing.assert_allclose(found.coefficients, expected.coefficients, atol=1e-10)
