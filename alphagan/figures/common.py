"""What every figure shares: look, colours, names, the reading of volumes, and saving; needs matplotlib alone."""

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import matplotlib.figure
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from alphagan.errors import InputError

# Okabe and Ito's colours, and Tol's wine, told apart with every common colour blindness; real data is near-black.
MODELS = {
    "real": ("Real", "#222222", "o"),
    "mean_brain": ("Mean brain", "#8c8c8c", "o"),
    "gaussian_noise": ("Noise model", "#b8b8b8", "*"),
    "memoriser": ("Memoriser", "#5c5c5c", "d"),
    "generated": ("Generated", "#D55E00", "^"),  # by whatever model
    "alpha_wgan_gp": ("α-WGAN-GP", "#D55E00", "^"),
    "alpha_wgan_gp_detail": ("α-WGAN-GP, detail", "#882255", "p"),
    "alpha_gan": ("α-GAN", "#0072B2", "s"),
    "vae_gan": ("VAE-GAN", "#009E73", "D"),
    "wgan_gp": ("WGAN-GP", "#CC79A7", "v"),
    "alpha_wgan_gp_z100": ("α-WGAN-GP, short code", "#E69F00", "P"),
    "alpha_wgan_gp_z2048": ("α-WGAN-GP, long code", "#56B4E9", "X"),
}
REFERENCES = ("real", "mean_brain", "gaussian_noise", "memoriser")  # in greys: none of them was trained
PAPER_MODELS = tuple(name for name in MODELS if name not in (*REFERENCES, "generated", "alpha_wgan_gp_detail"))
CYCLE = [MODELS[name][1] for name in PAPER_MODELS]
GREY = "#555555"  # of notes, and of what belongs to no set

# The paper's colours for FLAIR and T2w: black outside the brain, blue where dark, yellow where bright.
YELLOW_BLUE = LinearSegmentedColormap.from_list(
    "yellow_blue",
    [(0, "black"), (0.15, "#0b2a7a"), (0.4, "#3f6fc4"), (0.6, "#8f9aa0"), (0.8, "#e6c22f"), (1, "#fff7a8")],
)

# Plane: the axis it cuts, and the axes that run to the right and up in the picture.
PLANES = {"sagittal": (0, 1, 2), "coronal": (1, 0, 2), "axial": (2, 0, 1)}

_RC = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": matplotlib.cycler(color=CYCLE),
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "figure.titlesize": 13,
    "savefig.facecolor": "white",
    "image.interpolation": "nearest",
    "pdf.fonttype": 42,
}


class Figure(matplotlib.figure.Figure):
    """matplotlib's own, shown by Jupyter although pyplot knows nothing of it."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
        return buffer.getvalue()


def style(grid: bool = True):
    """Context, or decorator, in which the figures are drawn; matplotlib's settings are as before after it."""
    return matplotlib.rc_context(_RC | {"axes.grid": grid})


# Ways in which the evaluation looks at a model, by the ending of its row's name; drawn hollow, in the model's colour.
WAYS = {"_early": "early in training", "_batch_statistics": "evaluated as published"}
SEED = re.compile(r"(?P<model>.+)_seed(?P<seed>\d+)")  # of a model that is trained more than once


def appearance(name: str, position: int = 0) -> tuple[str, str, str]:
    """Label, colour and marker of a model; `position` picks the colour of a name that is not one of the paper's."""
    for ending, way in WAYS.items():
        if name.endswith(ending):
            label, colour, marker = appearance(name.removesuffix(ending), position)
            return f"{label}, {way}", colour, marker
    if trained_anew := SEED.fullmatch(name):
        label, colour, marker = appearance(trained_anew["model"], position)
        return f"{label} (seed {trained_anew['seed']})", colour, marker  # in brackets, as rows are named in two lines
    return MODELS.get(name.lower(), (name, CYCLE[position % len(CYCLE)], "o"))


def dashes(name: str) -> str:
    """Line style of a model: solid, or one for each of the other `WAYS` of looking at it."""
    return next((style for ending, style in zip(WAYS, ("--", ":"), strict=True) if name.endswith(ending)), "-")


def as_volumes(volumes: np.ndarray, name: str = "volumes") -> np.ndarray:
    """Volumes as float32 in [-1, 1], background -1.

    Parameters
    ----------
    volumes : (n, S, S, S) array
        uint8 (0 to 255), or floating point in [-1, 1]; axes X, Y, Z in RAS order.
    name : str
        What the error message calls them.

    Raises
    ------
    InputError
        If they are of another shape, type or range, or not finite.
    """
    volumes = np.asarray(volumes)
    if volumes.ndim != 4 or 0 in volumes.shape or len(set(volumes.shape[1:])) != 1:
        raise InputError(f"{name}: expected cubes of shape (n, S, S, S) with n >= 1, found {volumes.shape}")
    if volumes.dtype == np.uint8:
        return volumes.astype(np.float32) / 127.5 - 1
    # NaN fails the comparison too.
    if volumes.dtype.kind != "f" or not np.abs(volumes).max() <= 1 + 1e-3:
        raise InputError(f"{name}: expected uint8, or finite floats in [-1, 1], found other {volumes.dtype}")
    return volumes.astype(np.float32)


def voxel_sizes(affine: np.ndarray | None, name: str = "affine") -> np.ndarray:
    """Edge lengths (X, Y, Z) of a voxel in mm; 1 mm without an affine.

    Raises
    ------
    InputError
        If the affine is not 4 x 4, not invertible, or not in RAS order (left and right would be mislabelled).
    """
    if affine is None:
        return np.ones(3)
    affine = np.asarray(affine, dtype=float)
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-9:
        raise InputError(f"{name}: expected an invertible 4 x 4 matrix in mm, found shape {affine.shape}")
    axes = affine[:3, :3]
    if (np.abs(axes).argmax(axis=0) != (0, 1, 2)).any() or (axes.diagonal() <= 0).any():
        raise InputError(f"{name}: not in RAS order; reorient the volumes with nibabel.as_closest_canonical")
    return np.linalg.norm(axes, axis=0)


def save(figure: Figure, path: str | Path) -> tuple[Path, Path]:
    """Write `path`.png (150 dpi) and `path`.pdf; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        As returned by any function here.
    path : str or Path
        Without suffix; missing folders are made.

    Returns
    -------
    tuple of Path
        The two files, each replaced in one step, so that no reader meets half of one.
    """
    png, pdf = (Path(path).with_name(f"{Path(path).name}.{kind}") for kind in ("png", "pdf"))
    write(figure, png, "png")
    with _placed(figure):
        write(figure, pdf, "pdf")
    return png, pdf


@contextmanager
def _placed(figure: Figure) -> Iterator[None]:
    """While everything stays where it was when the figure was last written: placing takes longer than drawing."""
    engine = figure.get_layout_engine()
    figure.set_layout_engine(None)
    try:
        yield
    finally:
        figure.set_layout_engine(engine)


def write(figure: Figure, path: Path, kind: str) -> Path:
    """Write one file of the given kind ("png" or "pdf"), without a date in it, and move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None}}[kind]
    try:
        figure.savefig(partial, format=kind, dpi=150, metadata=metadata)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def two_lines(text: str) -> str:
    """Break a long label after its first comma."""
    return text.replace(", ", ",\n", 1)


def check_rows(rows: dict, what: str) -> Iterable[tuple[str, object]]:
    """Items of a dictionary that must not be empty.

    Raises
    ------
    InputError
        If it is.
    """
    if not rows:
        raise InputError(f"{what}: nothing to draw; pass at least one named entry")
    return rows.items()


def real_first(sets: Mapping, what: str) -> dict:
    """Sets by name, "real" before all others.

    Raises
    ------
    InputError
        If there is no "real", with which others are compared.
    """
    found = dict(check_rows(sets, what))
    if "real" not in found:
        raise InputError(f"{what}: no entry named real, with which others are compared")
    return {"real": found["real"]} | found


def publish(figure: Figure | None, path: str | Path) -> None:
    """`save` a figure and show it in the notebook; of one that could not be drawn, only say so."""
    from IPython.display import display

    if figure is None:
        print(f"{Path(path).name}: no model for it was trained")
        return
    save(figure, path)
    with _placed(figure):
        display(figure)
