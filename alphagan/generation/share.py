"""A run as one file that describes itself, to be passed on."""

import json
from collections.abc import Mapping
from pathlib import Path

from alphagan.errors import InputError
from alphagan.files import write_atomically
from alphagan.generation import onnx_file
from alphagan.generation.run import Run
from alphagan.generation.weights import SUFFIX, is_file, read_states, safetensors


def export(
    run: Run, path: str | Path, everything: bool = False, card: str = "", more: Mapping[str, str] | None = None
) -> Path:
    """Write a run as one file: .safetensors, which `alphagan.load` opens as it opens the folder, or G alone as .onnx.

    Parameters
    ----------
    run : Run
    path : str or Path
        Ends in .safetensors or .onnx; replaced if it is there.
    everything : bool
        Every network, instead of "G_average" alone, which is what sampling needs.
    card : str
        Markdown, kept in the metadata beside config.json.
    more : dict of str to str, optional
        Kept there, too, by key.

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If safetensors or onnx is not installed, the path ends otherwise, every network is asked for as .onnx, or the
        file cannot be written.

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
    _ = run.networks.sha256  # refuses weights of another run, which nothing would tell from the file
    metadata = {"config": json.dumps(run.config), "card": card, **(more or {})}
    if run.prior:
        metadata["covariates"] = run.prior.as_json()
    if path.suffix == onnx_file.SUFFIX:
        if everything:
            raise InputError(f"{path}: holds G alone; leave out --all, or name a file that ends in {SUFFIX}")
        return onnx_file.write_onnx(run, path, metadata)
    if not is_file(path):
        raise InputError(f"{path}: name a file that ends in {SUFFIX} or {onnx_file.SUFFIX}")
    tensors = {
        f"{name}.{key}": tensor.contiguous()
        for name, state in read_states(run.folder).items()
        if everything or name == "G_average"
        for key, tensor in state.items()
    }
    content = safetensors().torch.save(tensors, {"format": "pt", **metadata})
    return write_atomically(lambda file: [*map(file.write, _in_order(content))], path.parent, path.name)


def _in_order(content: bytes) -> tuple[bytes, bytes, memoryview]:
    """Parts of a .safetensors file whose metadata are in the order of their keys.

    The library writes them in an order that changes from process to process, so that no two exports would be equal.
    """
    length = int.from_bytes(content[:8], "little")  # the format: length of the header, header as JSON, tensors
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # so that tensors stay aligned
    return len(text).to_bytes(8, "little"), text, memoryview(content)[8 + length :]
