"""Notebooks as pipeline stages: stages depend on stripped copies, so that saving outputs reruns nothing."""

import os
from pathlib import Path

import nbformat
from nbformat import v4

from alphagan.errors import InputError

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def strip(source, target):
    """Copy a notebook without anything that running or saving it changes.

    Cells keep their kind, source, tags and attachments. Outputs, execution counts and all other metadata go, ids become
    the cells' positions and the kernel `python3`, so that the bytes change only when code, text or tags do.

    Parameters
    ----------
    source : path of a notebook, any nbformat 4 minor version or older
    target : path, written atomically; its folder is made

    Raises
    ------
    InputError
        If `source` is missing or is not a notebook.
    """
    source, target = Path(source), Path(target)
    try:
        notebook = nbformat.read(source, as_version=4)
    except FileNotFoundError:
        raise InputError(f"{source}: no such notebook; check the path") from None
    except (ValueError, AttributeError, nbformat.ValidationError):  # nbformat's own errors are of these kinds
        raise InputError(f"{source}: not a notebook; mend its JSON or restore it with git") from None

    stripped = v4.new_notebook(
        cells=[_strip_cell(cell, position) for position, cell in enumerate(notebook.cells)],
        metadata={"kernelspec": KERNELSPEC},
        nbformat_minor=5,  # the first with cell ids
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    partial.write_text(v4.writes(stripped, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
    os.replace(partial, target)


def _strip_cell(cell, position):
    kept = {key: cell[key] for key in ("cell_type", "source", "attachments") if key in cell}
    if cell.cell_type == "code":
        kept |= {"outputs": [], "execution_count": None}
    tags = cell.metadata.get("tags")
    return nbformat.NotebookNode(kept, id=f"cell-{position}", metadata={"tags": tags} if tags else {})
