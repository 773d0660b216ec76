"""Every picture, one function each: the paper's figures, and those of notebooks, reports and trainings.

Each returns a matplotlib Figure that pyplot knows nothing of.
"""

from alphagan.figures.animation import save_animation
from alphagan.figures.audit import distance_histograms, pair_pages, power_curves
from alphagan.figures.brains import all_slices, center_cuts
from alphagan.figures.charts import intensity_histograms, loss_curves, metric_intervals, pca_scatter
from alphagan.figures.common import MODELS, PAPER_MODELS, REFERENCES, YELLOW_BLUE, publish, save, style
from alphagan.figures.covariates import ageing_maps, read_ages
from alphagan.figures.diagram import architecture
from alphagan.figures.evaluation import anatomy_distributions, power_spectra
from alphagan.figures.grids import brain_grid, mean_and_std_maps, montage, save_montage
from alphagan.figures.scoreboard import scoreboard

__all__ = [
    "MODELS",
    "PAPER_MODELS",
    "REFERENCES",
    "YELLOW_BLUE",
    "ageing_maps",
    "all_slices",
    "anatomy_distributions",
    "architecture",
    "brain_grid",
    "center_cuts",
    "distance_histograms",
    "intensity_histograms",
    "loss_curves",
    "mean_and_std_maps",
    "metric_intervals",
    "montage",
    "pair_pages",
    "pca_scatter",
    "power_curves",
    "power_spectra",
    "publish",
    "read_ages",
    "save",
    "save_animation",
    "save_montage",
    "scoreboard",
    "style",
]
