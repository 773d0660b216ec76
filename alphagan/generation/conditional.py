"""Random codes of people of an age and a sex, for any model that has an encoder; nothing is trained again.

With covariates c, standardised over the training people and with correlation R, a regression of these people's codes
z_enc = E(x) on c (`conditional_fit.py`) tells how codes move. Random codes of people with covariates c are then

    z | c ~ N(B c, I - B R B^T).

Over people, whose c have mean 0 and covariance R, such codes have mean 0 and covariance B R B^T + I - B R B^T = I, as
those of N(0, I) have, which G was trained with; they are normal as far as c is.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from numbers import Real
from pathlib import Path

import numpy as np

from alphagan.errors import InputError
from alphagan.generation.networks import Networks
from alphagan.generation.weights import COVARIATES, is_file, read_covariates
from alphagan.settings.cohorts import OLDEST

SEXES = {"F": 0.0, "M": 1.0}
FEW = 5  # training people of a sex, below which that is said
Given = Mapping[str, float | str]  # "age": years, "sex": "F" or "M"

LEAST_VARIANCE = 1e-3  # of ages within the sexes, as a share of that of all ages: all women may be of one age
FAR = 4.5  # standard deviations of age within the sexes, from the mean of one's own


class ExtrapolationWarning(UserWarning):
    """Somebody was asked for who is unlike all training people."""


@dataclass(frozen=True)
class ConditionalPrior:
    """How codes of people depend on their covariates; no person's own code or covariates are in it.

    Attributes
    ----------
    names : tuple of str
        The k covariates: "age" in years, "sex" (F 0, M 1).
    mean, sd : tuple of float, (k,)
        Over training people, to standardise with.
    low, high : tuple of float, (k,)
        Their range, in whole years.
    correlation : tuple of tuple of float, (k, k)
        R.
    coefficients : tuple of tuple of float, (z_dim, k)
        B.
    shrinkage : float
        The ridge, per training person; 0 for least squares.
    explained : float
        Share of the variance of codes that covariates explain in people left out, at the best shrinkage; 0 where they
        have nothing to do with each other.
    people : int
        How many it was fitted to.
    weights_sha256 : str
        Of the weights whose codes these are.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    correlation: tuple[tuple[float, ...], ...]
    coefficients: tuple[tuple[float, ...], ...]
    shrinkage: float
    explained: float
    people: int
    weights_sha256: str = ""

    def standardised(self, given: Given) -> tuple[list[int], np.ndarray]:
        """Which covariates are given, and their values in standard deviations from the mean.

        Raises
        ------
        InputError
            If one of them is unknown, or has a value that it cannot have.
        """
        for name in given:
            if name not in self.names:
                raise InputError(f"{name}: nothing was learned of it, only of {', '.join(self.names)}; leave it out")
        at = [place for place, name in enumerate(self.names) if name in given]
        values = np.array([_number(self.names[place], given[self.names[place]]) for place in at])
        return at, (values - np.array(self.mean)[at]) / np.array(self.sd)[at]

    def notes(self, given: Given) -> list[str]:
        """Say what, alone or together, is unlike training people, where the fit is not known to hold.

        Raises
        ------
        InputError
            As `standardised` does.
        """
        self.standardised(given)  # what cannot be asked for is refused
        told = {name: (low, high) for name, low, high in zip(self.names, self.low, self.high, strict=True)}
        beyond = [
            f"age {given[name]:g} is beyond the training people's, {told[name][0]:g} to {told[name][1]:g}: extrapolated"
            for name in given
            if name == "age" and not told[name][0] <= given[name] <= told[name][1]
        ]
        if not beyond and len(given) == 2 and self._within_sex(given) > FAR:
            beyond.append(
                f"age {given['age']:g} is far from that of most training people of sex {given['sex']}: extrapolated"
            )
        if "sex" in given and (n := self._of_sex(given["sex"])) < FEW:
            beyond.append(f"sex {given['sex']} was learned from {n} of {self.people} training people")
        return beyond

    def _of_sex(self, sex: str) -> int:
        share = self.mean[self.names.index("sex")]
        return round(self.people * (share if SEXES[sex] else 1 - share))

    def _within_sex(self, given: Given) -> float:
        """How far an age is from the mean of training people of that sex, in standard deviations within the sexes.

        Of one covariate alone nothing is far: where few are men, a man is many standard deviations from the mean.
        """
        at, c = self.standardised(given)
        told = {self.names[place]: value for place, value in zip(at, c, strict=True)}
        r = self.correlation[0][1]
        # The regression on two sexes goes through both means: E[c_age | c_sex] = r c_sex, of variance 1 - r^2
        return float(abs(told["age"] - r * told["sex"]) / np.sqrt(max(1 - r**2, LEAST_VARIANCE)))

    def codes(self, residual: np.ndarray, given: Given) -> np.ndarray:
        """Codes of people with these covariates.

        Parameters
        ----------
        residual : ndarray, (n, z_dim)
            From N(0, I): what is a person's own. The same one with another age is the same person, older or younger.
        given : dict
            "age", "sex" or both; what is not given is as it may be.

        Returns
        -------
        z_rand : ndarray, (n, z_dim), float32

        Raises
        ------
        InputError
            As `standardised` does.

        Warns
        -----
        ExtrapolationWarning
            As `notes` says.
        """
        at, c = self.standardised(given)
        for note in self.notes(given):
            warnings.warn(note, ExtrapolationWarning, stacklevel=3)
        if (known := tuple(at)) not in self._of_given:
            self._of_given[known] = self._solved(at)
        B_g, root = self._of_given[known]
        # z = B c + (I - B R B^T)^(1/2) r
        return (residual @ root + B_g @ c).astype(np.float32)

    @cached_property
    def _of_given(self) -> dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]]:
        """What `_solved` found: 0.2 s for codes of 1000 numbers, and people may come one by one."""
        return {}

    def _solved(self, at: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """B and (I - B R B^T)^(1/2), of the covariates that are given alone."""
        B, R = np.array(self.coefficients), np.array(self.correlation)
        # B_g = B R[:, g] R[g, g]^-1
        R_g = R[np.ix_(at, at)]
        B_g = B @ R[:, at] @ np.linalg.pinv(R_g)
        variance, directions = np.linalg.eigh(np.eye(len(B)) - B_g @ R_g @ B_g.T)
        return B_g, (directions * np.sqrt(variance.clip(0))) @ directions.T

    @property
    def sha256(self) -> str:
        """Hash of the fit, in 64 hexadecimal digits."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()

    def as_json(self) -> str:
        """As it lies beside the weights, in covariates.json."""
        return json.dumps(asdict(self), indent=2) + "\n"


def chosen(age: float | None, sex: str | None) -> Given:
    """Those that are given, by name."""
    return {name: value for name, value in (("age", age), ("sex", sex)) if value is not None}


def read_prior(run: Path, networks: Networks) -> ConditionalPrior | None:
    """What lies beside the weights of a run, or in its file; None where nothing was fitted.

    Raises
    ------
    InputError
        If it is damaged, or was fitted to the codes of other weights.
    """
    told = read_covariates(run)
    if told is None:
        return None
    where = run if is_file(run) else run / COVARIATES
    try:
        prior = from_json(told)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: damaged ({error}); run alphagan covariates again") from None
    if not is_file(run) and prior.weights_sha256 != networks.sha256:
        raise InputError(f"{where}: is of other weights; run alphagan covariates again")
    return prior


def from_json(text: str) -> ConditionalPrior:
    """Read what `ConditionalPrior.as_json` wrote; "values" beside it, of the table that was fitted, is passed over.

    Raises
    ------
    ValueError
        If it is something else.
    """
    told = json.loads(text)
    if not isinstance(told, dict) or told.keys() - {"values"} != ConditionalPrior.__dataclass_fields__.keys():
        raise ValueError("not the keys of a fit")
    prior = ConditionalPrior(**{key: _tuples(value) for key, value in told.items() if key != "values"})
    k = len(prior.names)
    shapes = [np.shape(getattr(prior, name)) for name in ("mean", "sd", "low", "high", "correlation")]
    B, numbers = np.array(prior.coefficients, float), [prior.mean, prior.sd, prior.low, prior.high, prior.correlation]
    if not k or not set(prior.names) <= {"age", "sex"} or shapes != [(k,)] * 4 + [(k, k)] or B.shape[1:] != (k,):
        raise ValueError("tables of other sizes")
    if not all(np.isfinite(np.array(value, float)).all() for value in (B, *numbers)) or not min(prior.sd) > 0:
        raise ValueError("numbers that are not finite")
    return prior


def _number(name: str, value: float | str) -> float:
    if name == "sex":
        if value not in SEXES:
            raise InputError(f"sex: {value!r} is unknown; use F or M")
        return SEXES[value]
    if not isinstance(value, Real) or not np.isfinite(value):
        raise InputError(f"{name}: {value!r} is no number")
    if not 0 <= value <= OLDEST:
        raise InputError(f"{name}: {value:g} is no age of a person; give years from 0 to {OLDEST}")
    return float(value)


def _tuples(value):
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value
