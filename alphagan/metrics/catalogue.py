"""Every metric of the evaluation: what it is called, what it sees, which way is better, and whom it fails to tell.

A metric is trusted as far as it puts generators of known fault behind real scans: the mean brain, Gaussian noise around
principal components, and a memoriser (`alphagan.evaluation.references`).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from alphagan.metrics.anatomy import CLASSES
from alphagan.metrics.bootstrap import FEWEST

FAULTY = {"mean_brain": "the mean brain", "gaussian_noise": "the noise model", "memoriser": "the memoriser"}
SIGNIFICANT = 0.05
WORSE, LIKE, BETTER = "worse", "like", "better"  # than, or like, real scans of other people
UNTOLD = "no verdict"

# Together they told all three with 32 simulated and with 37 real people held out (docs/evaluation.md); none alone did.
QUOTE = ("mmd_rbf", "mmd_rbf_p", "spectrum_distance", "brain_like", "copied")

EFFECTS = {
    "cohens_d": ("Cohen's d", "zero"),
    "cliffs_delta": ("Cliff's delta", "zero"),
    "kolmogorov_smirnov": ("Kolmogorov-Smirnov distance", "low"),
}
MEASURES = {
    "brain_volume": "brain volume",
    "ventricle_volume": "ventricle volume",
    "asymmetry": "left-right asymmetry",
    **{f"{name}_fraction": f"{name.replace('csf', 'CSF')} fraction" for names in CLASSES.values() for name in names},
}

UNITS = {"brain_volume": "share of the cube", "asymmetry": "0 to 1"}  # of other measures, share of the brain


class Metric(NamedTuple):
    """A metric as tables and figures name it.

    Attributes
    ----------
    label : str
        With its unit where it has one.
    better : str
        "low"; "high"; "zero", the nearer to it; "real", the nearer to what real scans have; or "p", no lower than 0.05.
    sees : str
        What a difference means.
    """

    label: str
    better: str
    sees: str


METRICS = {
    "mmd_as_published": Metric("MMD² as published, ×10⁻⁴", "low", "means of small batches, plus the spread"),
    "mmd_unbiased": Metric("MMD² unbiased, linear kernel", "low", "the mean brain alone"),
    "mmd_rbf": Metric("MMD² unbiased, RBF kernel", "low", "the whole distribution of voxels"),
    "mmd_rbf_p": Metric("p-value of MMD² (RBF)", "p", "whether any difference is shown"),
    "mean_brain_difference": Metric("Difference of mean brains, range 2", "low", "the mean brain alone"),
    "ms_ssim": Metric("MS-SSIM within the sample", "real", "diversity: how alike two brains are"),
    "ms_ssim_as_published": Metric("MS-SSIM as published", "real", "diversity, with the last scale overweighed"),
    "voxelwise_sd": Metric("Voxel-wise SD, range 2", "real", "diversity: spread in each voxel"),
    "frechet": Metric("Fréchet distance", "low", "mean and covariance of features"),
    "precision": Metric("Precision", "high", "whether generated brains look real"),
    "recall": Metric("Recall", "high", "whether real variety is generated"),
    "density": Metric("Density", "real", "how typical generated brains are"),
    "coverage": Metric("Coverage", "high", "whether every real brain has one like it"),
    "intensity_distance": Metric("Distance of intensities, range 2", "low", "the histogram inside the brain"),
    "spectrum_distance": Metric("Distance of power spectra, log10", "low", "sharpness at every scale"),
    "high_frequencies": Metric("Power of fine detail, log10", "zero", "blur below 0, noise above"),
    "checkerboard": Metric("Power of checkerboards, log10", "zero", "patterns that repeat every second voxel"),
    **{
        f"{measure}_{effect}": Metric(f"{text[0].upper()}{text[1:]}: {title}", better, f"the distribution of {text}")
        for measure, text in MEASURES.items()
        for effect, (title, better) in EFFECTS.items()
    },
    "brain_like": Metric("Share with the detail of a brain", "high", "whether single volumes look like brains"),
    "copied": Metric("Share that singles out a training scan (voxels)", "low", "copies of training scans"),
    "authentic": Metric("Authentic share (AuthPct)", "high", "copies of training scans"),
}


def metric(name: str) -> Metric:
    """Look a metric up by its key in metrics.json; one of Med3D's features is named as such."""
    base = name.removesuffix("_med3d")
    found = METRICS[base]
    return found if base == name else found._replace(label=f"{found.label} (Med3D)")


def compare_with_real(name: str, found: Mapping, real: Mapping) -> str:
    """Whether a metric calls a sample "worse" than real scans of other people, "like" them, "better", or "no verdict".

    Parameters
    ----------
    name : str
        Key of the metric.
    found, real : mapping
        {"value", "low", "high", "n"}: of the sample, and of real against real.

    Returns
    -------
    str
        "like" where the two intervals overlap, or where no p-value below 0.05 tells the samples apart. Of metrics that
        are best at 0, whose sign says which way a sample departs, sizes are compared; one that lies apart from real
        scans' on the other side of 0, and is further from it, is worse. "no verdict"
        where fewer than ten units are behind either, but for a sample of one volume, the mean brain; and where p-values
        tell real people from the others as well.
    """
    better = metric(name).better
    if found["n"] in range(2, FEWEST) or real["n"] < FEWEST:
        return UNTOLD
    if better == "p":
        if found["value"] >= SIGNIFICANT:
            return LIKE
        return WORSE if real["value"] >= SIGNIFICANT else UNTOLD
    apart = found["low"] > real["high"] or found["high"] < real["low"]
    if better == "zero" and apart and abs(found["value"]) > abs(real["value"]):
        return WORSE
    found, real = (_badness(entry, better, real["value"]) for entry in (found, real))
    if found[0] > real[1]:
        return WORSE
    return BETTER if found[1] < real[0] else LIKE


def shortcomings(rows: Mapping[str, Mapping[str, Mapping]]) -> dict[str, str]:
    """Say in words which generators of known fault each metric fails to put behind real scans.

    Parameters
    ----------
    rows : mapping
        {model: {metric: {"value", "low", "high", "n"}}}, one cohort of metrics.json.

    Returns
    -------
    dict of str to str
        By metric; "" where it tells all of them.
    """
    return {name: "; ".join(_failures(name, rows)) for name in rows["real"]}


def _failures(name: str, rows: Mapping) -> Iterator[str]:
    real, verdicts = rows["real"][name], {}
    for model, text in FAULTY.items():
        if name in rows.get(model, {}):
            verdicts.setdefault(compare_with_real(name, rows[model][name], real), []).append(text)
    if BETTER in verdicts:
        yield f"prefers {_listed(verdicts[BETTER])} to real scans"
    if LIKE in verdicts:
        yield f"does not tell {_listed(verdicts[LIKE])} from real scans"
    if UNTOLD in verdicts:
        yield f"has no verdict on {_listed(verdicts[UNTOLD])}"


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _badness(entry: Mapping, better: str, real: float) -> tuple[float, float]:
    """Ends of an interval, on a scale on which less is better."""
    low, high = entry["low"], entry["high"]
    if better == "low":
        return low, high
    if better == "high":
        return -high, -low
    shift = real if better == "real" else 0.0
    ends = abs(low - shift), abs(high - shift)
    return (0.0 if low <= shift <= high else min(ends)), max(ends)
