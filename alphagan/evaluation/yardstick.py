"""Held-out people, against whom every sample of volumes is measured in the same way."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from alphagan.audit.search import Search
from alphagan.errors import TooFewError
from alphagan.evaluation.features.network import FeatureNetwork
from alphagan.evaluation.samples import Sample
from alphagan.metrics.anatomy import anatomy, compare_anatomy
from alphagan.metrics.bootstrap import Estimate, FewWarning
from alphagan.metrics.checks import check_volumes
from alphagan.metrics.diversity import ms_ssim_within
from alphagan.metrics.frechet import frechet_distance
from alphagan.metrics.histogram import brain_masks, intensity_distance, level_counts
from alphagan.metrics.mmd import MMD
from alphagan.metrics.neighbours import feature_neighbours
from alphagan.metrics.permutation import p_value
from alphagan.metrics.spectrum import Spectra, compare_spectra
from alphagan.metrics.voxelwise import mean_brain_difference, voxelwise_sd
from alphagan.settings.sections import Evaluate

PAPER_UNIT = 1e-4  # the paper's table shows MMD^2 times this

Row = dict[str, Estimate]


@dataclass(frozen=True)
class Description:
    """What is measured of each volume of a sample by itself: its spectrum, histogram, anatomy and features."""

    spectra: Spectra
    levels: np.ndarray
    anatomy: dict[str, np.ndarray]
    features: list[Tensor]


class Yardstick:
    """Measure samples against held-out people.

    Parameters
    ----------
    real : Sample
        Held-out people, at least two.
    floor : Sample
        Other real people, measured as if they had been generated.
    settings : Evaluate
    networks : sequence of FeatureNetwork
        In whose features volumes are compared.
    modality : str
        Of the scans; decides which anatomy can be told.
    search : Search, optional
        Finds copies of training scans.
    floors : sequence of Sample, optional
        In place of `floor`, in the features of each network: people whom it was not trained on.

    Attributes
    ----------
    left_out : dict of str to str
        Metrics that there were too few volumes or people for, and why.
    """

    def __init__(
        self,
        real: Sample,
        floor: Sample,
        settings: Evaluate,
        networks: Sequence[FeatureNetwork] = (),
        modality: str = "T1w",
        search: Search | None = None,
        floors: Sequence[Sample] = (),
    ):
        self.real, self.floor, self.settings, self.networks = real, floor, settings, networks
        self.modality, self.search, self.floors = modality, search, floors
        self.bandwidth = MMD(real.volumes, floor.volumes, real.people, floor.people).median_distance
        self.described = self.describe(real)
        self.left_out: dict[str, str] = {}

    def describe(self, found: Sample) -> Description:
        """Measure each volume by itself."""
        volumes = check_volumes("volumes", found.volumes)
        masks = brain_masks(volumes)
        return Description(
            Spectra(volumes),
            level_counts(volumes, masks),
            anatomy(volumes, self.modality, masks=masks),
            [network.embed(volumes) for network in self.networks],
        )

    def measure(self, found: Sample, described: Description | None = None) -> Row:
        """Everything about a sample, described before or not; what it is too small for is noted in `left_out`."""
        row = self._distances(found, described or self.describe(found)) | self._diversity(found)
        return row | (self.search.measure(found.volumes) if self.search else {})

    def measure_real(self) -> Row:
        """The floor: `floor` against held-out people, and what held-out people are among themselves."""
        described = self.describe(self.floor)
        if self.floors:
            features = [network.embed(floor.volumes) for network, floor in zip(self.networks, self.floors, strict=True)]
            described = replace(described, features=features)
        row = self._distances(self.floor, described, self.floors) | self._diversity(self.real)
        return row | (self.search.measure_held_out() if self.search else {})

    def _gather(self, groups: dict[str, Callable[[], Row]]) -> Row:
        row: Row = {}
        for names, group in groups.items():
            try:
                with warnings.catch_warnings(action="ignore", category=FewWarning):  # tables say "no verdict"
                    row |= group()
            except TooFewError as error:
                self.left_out[names] = str(error)
        return row

    def _distances(self, found: Sample, described: Description, in_features: Sequence[Sample] = ()) -> Row:
        """How far a sample is; `in_features` says whose the features of each network are, where not the sample's."""
        settings, real = self.settings, self.real
        people = real.people, found.people
        mmd = MMD(real.volumes, found.volumes, *people)

        def spread() -> dict:
            return {"n_bootstrap": settings.n_bootstrap, "generator": np.random.default_rng(settings.seed)}

        def published() -> Row:
            return {"mmd_as_published": _scaled(mmd.as_published(settings.mmd_batch, settings.mmd_repeats, **spread()))}

        def voxels() -> Row:
            rng = np.random.default_rng(settings.seed)
            return {
                "mmd_unbiased": mmd.unbiased("linear", **spread()),
                "mmd_rbf": mmd.unbiased("rbf", self.bandwidth, **spread()),
                "mmd_rbf_p": p_value(mmd, self.bandwidth, settings.n_permutations, generator=rng),
                "mean_brain_difference": mean_brain_difference(real.volumes, found.volumes, *people, **spread()),
            }

        groups = {"mmd_as_published": published, "mmd_unbiased, mmd_rbf, mmd_rbf_p, mean_brain_difference": voxels}
        samples = in_features or [found] * len(self.networks)
        for network, x, y, sample in zip(
            self.networks, self.described.features, described.features, samples, strict=True
        ):
            groups |= self._of_features(network, x, y, sample)
        groups["intensity_distance"] = lambda: {
            "intensity_distance": intensity_distance(self.described.levels, described.levels, *people, **spread())
        }
        groups["spectrum_distance, high_frequencies, checkerboard"] = lambda: compare_spectra(
            self.described.spectra, described.spectra, *people, **spread()
        )
        groups["anatomy"] = lambda: compare_anatomy(self.described.anatomy, described.anatomy, *people, **spread())
        return self._gather(groups)

    def _of_features(
        self, network: FeatureNetwork, x: Tensor, y: Tensor, found: Sample
    ) -> dict[str, Callable[[], Row]]:
        """Fréchet distance, and how neighbours mix: there as many volumes of each sample, as the metrics ask for."""
        settings, people = self.settings, self.real.people

        def frechet() -> Row:
            rng = np.random.default_rng(settings.seed)
            distance = frechet_distance(x, y, people, found.people, settings.n_bootstrap, generator=rng)
            return _named({"frechet": distance}, network)

        def mixing() -> Row:
            rng = np.random.default_rng(settings.seed)
            return _named(feature_neighbours(x, y, people, found.people, settings.neighbour, generator=rng), network)

        names = ("frechet", "precision, recall, density, coverage")
        return dict(zip((f"{name} ({network.name})" for name in names), (frechet, mixing), strict=True))

    def _diversity(self, found: Sample) -> Row:
        """MS-SSIM within a sample, over pairs of different subjects: the lower, the more diverse; and the spread."""
        settings, volumes, people = self.settings, found.volumes, found.people
        rng = np.random.default_rng(settings.seed)

        def similar() -> Row:
            return ms_ssim_within(volumes, people, settings.n_pairs, generator=rng)

        def spread() -> Row:
            return {"voxelwise_sd": voxelwise_sd(volumes, people)}

        return self._gather({"ms_ssim, ms_ssim_as_published": similar, "voxelwise_sd": spread})


def _named(row: Row, network: FeatureNetwork) -> Row:
    return {f"{name}{network.suffix}": replace(estimate, basis=network.name) for name, estimate in row.items()}


def _scaled(estimate: Estimate) -> Estimate:
    value, low, high = (PAPER_UNIT * number for number in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=low, high=high)
