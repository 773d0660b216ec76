"""The paper's table and figures, one function each.

Every one takes what there is and leaves out what there is not; a figure for which there are not two sets is None.

`brains` is always {"real": volumes, model: volumes, ...} of one cohort, (n, S, S, S) each, uint8 or float in [-1, 1],
in any order; the figures put them in the paper's.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alphagan.figures.brains import all_slices, center_cuts
from alphagan.figures.charts import pca_scatter
from alphagan.figures.common import YELLOW_BLUE, Figure, appearance
from alphagan.metrics.anatomy import most_asymmetric
from alphagan.metrics.bootstrap import interval

# Table 1 of the paper: length of the code, MMD (times 1e-4) and MS-SSIM.
TABLE_1 = {
    "wgan_gp": (1000, 0.327, 0.996),
    "vae_gan": (1000, 0.075, 0.972),
    "alpha_gan": (1000, 0.131, 0.843),
    "alpha_wgan_gp_z100": (100, 0.211, 0.927),
    "alpha_wgan_gp": (1000, 0.072, 0.829),
    "alpha_wgan_gp_z2048": (2048, 0.108, 0.867),
    "alpha_wgan_gp_detail": (None, None, None),  # not the paper's
    "real": (None, None, 0.846),
}
COLUMNS = {
    "mmd_as_published": "MMD as published, ×10⁻⁴",
    "ms_ssim_as_published": "MS-SSIM as published",
    "mmd_rbf": "MMD² unbiased, RBF",
    "ms_ssim": "MS-SSIM",
    "voxelwise_sd": "voxel-wise SD",
}
BASELINES = ("alpha_gan", "vae_gan", "wgan_gp")
MODELS_OF_2 = ("real", "alpha_wgan_gp", "alpha_wgan_gp_detail", *BASELINES)
MODELS_OF_3 = {
    "a": ("real", "wgan_gp", "vae_gan", "alpha_wgan_gp"),
    "b": ("real", "alpha_gan", "alpha_wgan_gp"),
    "c": ("real", "alpha_wgan_gp_z100", "alpha_wgan_gp", "alpha_wgan_gp_z2048"),
}


class Place(NamedTuple):
    """A diseased cohort in figures: letter in figure 4, supplementary figure, colours, whether lesions are bright."""

    letter: str
    supplement: str
    cmap: object
    bright: bool


DISEASED = {
    "tumour_flair": Place("a", "s4", YELLOW_BLUE, bright=True),
    "tumour_t2": Place("b", "s5", YELLOW_BLUE, bright=True),
    "stroke": Place("c", "s6", "gray", bright=False),
}


def table_1(metrics: Mapping, z_dims: Mapping[str, int], title: str) -> list[dict[str, str]]:
    """Table 1: the paper's numbers, and ours as published and corrected, with 95 % intervals and sample sizes.

    Parameters
    ----------
    metrics : mapping
        {model: {metric: {"value", "low", "high", "n"}}}, one cohort of metrics.json.
    z_dims : mapping of str to int
        Length of each model's code.
    title : str
        What our numbers were measured on.

    Returns
    -------
    rows : list of dict
        One for each model of the paper's table that `metrics` has, in the paper's order, with our own before the real
        scans; text, ready to be shown.
    """
    return [
        {
            "model": appearance(name)[0],
            "paper: z": _or_dash(z),
            "paper: MMD, ×10⁻⁴": _or_dash(mmd),
            "paper: MS-SSIM": _or_dash(ms_ssim),
            "cohort here": title,
            "z": _or_dash(z_dims.get(name)),
            **{label: _with_n(metrics[name].get(metric)) for metric, label in COLUMNS.items()},
        }
        for name, (z, mmd, ms_ssim) in TABLE_1.items()
        if name in metrics
    ]


def _or_dash(value: float | None) -> str:
    return "-" if value is None else str(value)


def _with_n(estimate: Mapping | None) -> str:
    return "-" if estimate is None else f"{interval(estimate)}, n = {estimate['n']}"


def save_table(rows: list[dict[str, str]], path: str | Path) -> None:
    """Write a table as PATH.csv and as Markdown, PATH.md; the keys of the first row are the headings."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f"{path.name}.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    path.with_name(f"{path.name}.md").write_text(text, encoding="utf-8")


def figure_2(brains: Mapping, affine, title: str = "Figure 2") -> Figure | None:
    """Figure 2: centre slices of real and generated brains."""
    chosen = _some(brains, MODELS_OF_2, 4)
    return center_cuts(chosen, affine, title=title) if chosen else None


def parts_of_3(brains: Mapping) -> list[str]:
    """Parts of figure 3 for which there is a model to show beside the proposed one."""
    others = {part: set(names) - {"real", "alpha_wgan_gp"} for part, names in MODELS_OF_3.items()}
    return [part for part, names in others.items() if names & set(brains)] or ["a"]


def figure_3(part: str, projections: Mapping, explained, title: str = "") -> Figure | None:
    """Figure 3 (a), (b) or (c): principal components, fitted once on all sets together.

    Parameters
    ----------
    part : {"a", "b", "c"}
        WGAN-GP and VAE-GAN, alpha-GAN, or other lengths of the code, beside the proposed model and real brains.
    projections, explained
        As `alphagan.metrics.pca.joint_pca` returns them.
    title : str
        What is shown.
    """
    chosen = _some(projections, MODELS_OF_3[part])
    return pca_scatter(chosen, explained, f"Figure 3 ({part}): {title}") if chosen else None


def figure_4(cohort: str, brains: Mapping, affine, title: str = "") -> Figure | None:
    """Figure 4 (a) tumour in FLAIR, (b) tumour in T2w, (c) stroke: real brains and the proposed model's.

    The first ones of each, in slices through the place that departs most from its mirror image.
    """
    letter, _, cmap, bright = DISEASED[cohort]
    chosen = _some(brains, ("real", "alpha_wgan_gp"), 4)
    places = {name: most_asymmetric(volumes, bright) for name, volumes in chosen.items()}
    title = f"Figure 4 ({letter}): {title}"
    return center_cuts(chosen, affine, cmap=cmap, title=title, places=places) if chosen else None


def figure_s1(brains: Mapping, affine, title: str = "") -> Figure | None:
    """Supplementary figure 1: slices through a real brain and one of each model."""
    chosen = {name: volumes[0] for name, volumes in _some(brains, MODELS_OF_2).items()}
    return all_slices(chosen, affine, title=f"Figure S1: {title}", n_slices=12) if chosen else None


def figure_s2(cohorts: Mapping[str, Mapping], affines: Mapping, titles: Mapping[str, str]) -> Figure | None:
    """Supplementary figure 2: the baselines on diseased brains; None where no baseline was trained on any.

    Parameters
    ----------
    cohorts, affines, titles : mapping
        `brains`, affine and name of each of the paper's diseased cohorts.
    """
    rows, places = {}, {}
    shown = [titles[cohort] for cohort, brains in cohorts.items() if set(BASELINES) & set(brains)]
    for cohort, brains in cohorts.items():
        for model in BASELINES:
            if model in brains:
                name = f"{cohort.replace('_', ' ')}, {appearance(model)[0]}"  # short: it stands beside one row
                rows[name], places[name] = brains[model][:4], affines[cohort]
    return center_cuts(rows, places, title=f"Figure S2: {', '.join(shown)}") if rows else None


def figure_s3(cohort: str, projections: Mapping, explained, title: str = "") -> Figure | None:
    """Supplementary figure 3 (a) tumour in FLAIR, (b) in T2w: principal components."""
    chosen = _some(projections, MODELS_OF_2)
    return pca_scatter(chosen, explained, f"Figure S3 ({DISEASED[cohort].letter}): {title}") if chosen else None


def figure_s4_to_s6(cohort: str, brains: Mapping, affine, title: str = "") -> Figure | None:
    """Supplementary figures 4 (tumour, FLAIR), 5 (tumour, T2w) and 6 (stroke): slices through two brains."""
    _, number, cmap, _ = DISEASED[cohort]
    chosen = {name: volumes[0] for name, volumes in _some(brains, ("real", "alpha_wgan_gp")).items()}
    return all_slices(chosen, affine, f"Figure {number.upper()}: {title}", 12, cmap) if chosen else None


def _some(sets: Mapping, names: tuple[str, ...], n: int | None = None) -> dict[str, np.ndarray]:
    """Those of the named sets that there are, in this order, the first `n` of each; none if there are not two."""
    found = {name: sets[name] if n is None else sets[name][:n] for name in names if name in sets}
    return found if len(found) > 1 else {}
