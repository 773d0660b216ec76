"""Some brains of every finished model of a cohort, and pictures of what was trained and measured."""

import io
from pathlib import Path

import numpy as np

from alphagan import figures
from alphagan.files import write_atomically
from alphagan.generation.load import load
from alphagan.settings.json_file import read_json
from alphagan.training import choose_device
from alphagan.volumes.prepared import to_uint8
from alphagan.workbench.away.steps import Work

N_SAMPLES = 32  # of each model: at 64 cubed some 4 MB
N_DRAWN = 8


def show(work: Work, cohort: str) -> Path:
    """Write samples and figures.

    Samples are x_rand (32, S, S, S), uint8, and affine (4, 4), as NumPy's .npz: the first of those that were measured.
    Figures are the scoreboard of the cohort's metrics and, of every model, losses and centre slices.

    Returns
    -------
    folder : Path
        Of the figures.

    Raises
    ------
    InputError
        If a model of the cohort is not trained, or the disk is full or not writable.
    """
    device, folder = choose_device(work.config.train.device), work.figures(cohort)
    for model in work.config.models(cohort):
        run = load(work.paths.run(cohort, model), device)
        x_rand = to_uint8(run.sample(N_SAMPLES, work.config.evaluate.seed))
        packed = io.BytesIO()
        np.savez_compressed(packed, x_rand=x_rand, affine=run.affine)
        path = work.samples(cohort, model)
        write_atomically(lambda file, packed=packed: file.write(packed.getvalue()), path.parent, path.name)
        title = f"{model} on {cohort}"
        figures.save(figures.montage(x_rand[:N_DRAWN], run.affine, title), folder / f"samples_{model}")
        history = np.genfromtxt(run.folder / "history.csv", delimiter=",", names=True, ndmin=1)
        terms = {name: history[name] for name in history.dtype.names}
        figures.save(figures.loss_curves(terms, title=title), folder / f"losses_{model}")
    figures.save(figures.scoreboard(read_json(work.paths.metrics(cohort)), cohort), folder / "scoreboard")
    return folder
