"""A run as one file that describes itself, to be passed on."""

import json
from pathlib import Path

from alphagan.errors import InputError
from alphagan.files import write_atomically
from alphagan.generation.run import Run
from alphagan.generation.weights import SUFFIX, is_file, read_states, safetensors


def export(run: Run, path: str | Path, everything: bool = False, card: str = "") -> Path:
    """Write a run as one file in the safetensors format, which `alphagan.load` opens as it opens the folder.

    Parameters
    ----------
    run : Run
    path : str or Path
        Ends in .safetensors; replaced if it is there.
    everything : bool
        Every network, instead of "G_average" alone, which is what sampling needs.
    card : str
        Markdown, kept in the metadata beside config.json.

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If safetensors is not installed, the path ends otherwise, or it cannot be written.

    Examples
    --------
    >>> from alphagan.generation.share import export
    >>> run = alphagan.load("models/normal/alpha_wgan_gp")
    >>> shared = alphagan.load(export(run, "normal.safetensors"))
    >>> shared.networks.names
    ('G_average',)
    >>> np.array_equal(shared.sample(2, seed=1), run.sample(2, seed=1))
    True
    """
    path = Path(path)
    if not is_file(path):
        raise InputError(f"{path}: name a file that ends in {SUFFIX}")
    tensors = {
        f"{name}.{key}": tensor.contiguous()
        for name, state in read_states(run.folder).items()
        if everything or name == "G_average"
        for key, tensor in state.items()
    }
    metadata = {"format": "pt", "config": json.dumps(run.config), "card": card}
    if run.prior:
        metadata["covariates"] = run.prior.as_json()
    content = safetensors().torch.save(tensors, metadata)
    return write_atomically(lambda file: file.write(content), path.parent, path.name)
