"""Figures of the paper's pipeline; each function returns a matplotlib Figure that pyplot knows nothing of."""

from alphagan.figures.brains import all_slices, center_cuts
from alphagan.figures.charts import intensity_histograms, loss_curves, metric_intervals, pca_scatter
from alphagan.figures.common import MODELS, YELLOW_BLUE, publish, save, style
from alphagan.figures.diagram import architecture
from alphagan.figures.grids import brain_grid, mean_and_std_maps, montage, save_montage

__all__ = [
    "MODELS",
    "YELLOW_BLUE",
    "all_slices",
    "architecture",
    "brain_grid",
    "center_cuts",
    "intensity_histograms",
    "loss_curves",
    "mean_and_std_maps",
    "metric_intervals",
    "montage",
    "pca_scatter",
    "publish",
    "save",
    "save_montage",
    "style",
]
