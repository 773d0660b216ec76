"""The pipeline sees stripped notebooks: their bytes follow code, text and tags, not what running or saving changes."""

import copy
import json

import nbformat
import papermill
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from alphagan.errors import InputError
from alphagan.workbench.notebooks import strip


@pytest.fixture
def notebook():
    return new_notebook(
        cells=[
            new_markdown_cell("# Title, with α"),
            new_code_cell('profile = "smoke"', metadata={"tags": ["parameters"]}),
            new_code_cell('import sys\nprint("ran", profile)\nsys.stderr.write("warned")\nsys'),
            new_raw_cell("raw"),
        ]
    )


def stripped(notebook, folder):
    """Return the bytes that the pipeline would see."""
    nbformat.write(notebook, folder / "source.ipynb")
    strip(folder / "source.ipynb", folder / "build" / "stripped.ipynb")
    return (folder / "build" / "stripped.ipynb").read_bytes()


def test_running_a_notebook_changes_nothing(notebook, tmp_path):
    before = stripped(notebook, tmp_path)
    NotebookClient(notebook, kernel_name="python3").execute()
    assert notebook.cells[2].outputs and notebook.metadata.language_info  # it did run
    assert stripped(notebook, tmp_path) == before


def test_saving_in_jupyterlab_changes_nothing(notebook, tmp_path):
    before = stripped(notebook, tmp_path)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "mine", "language": "python", "name": "mine"},
            "language_info": {"name": "python", "version": "3.14.0"},
            "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}},
            "toc-autonumbering": True,
        }
    )
    for cell in notebook.cells:
        cell.id = f"new-{cell.id}"
        cell.metadata |= {"editable": True, "slideshow": {"slide_type": ""}, "jp-MarkdownHeadingCollapsed": True}
        cell.metadata.setdefault("tags", [])  # what is left after a tag is removed
        if cell.cell_type == "code":
            cell.execution_count = 7
            cell.metadata.execution = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
    assert stripped(notebook, tmp_path) == before


def test_older_formats_without_cell_ids_give_the_same_bytes(notebook, tmp_path):
    before = stripped(notebook, tmp_path)
    older = copy.deepcopy(notebook)
    older.nbformat_minor = 4
    for cell in older.cells:
        del cell["id"]
    assert stripped(older, tmp_path) == before


def test_stripping_twice_changes_nothing(notebook, tmp_path):
    before = stripped(notebook, tmp_path)
    strip(tmp_path / "build" / "stripped.ipynb", tmp_path / "again.ipynb")
    assert (tmp_path / "again.ipynb").read_bytes() == before


@pytest.mark.parametrize(
    "edit",
    [
        lambda cells: cells[2].update(source="1 + 1"),
        lambda cells: cells[0].update(source="# Another title"),
        lambda cells: cells[1].metadata.update(tags=[]),
        lambda cells: cells[2].metadata.update(tags=["nbval-skip"]),
        lambda cells: cells.reverse(),
        lambda cells: cells.pop(),
    ],
    ids=["code", "text", "tag removed", "tag added", "order", "cell removed"],
)
def test_edits_change_the_bytes(notebook, tmp_path, edit):
    before = stripped(notebook, tmp_path)
    edit(notebook.cells)
    assert stripped(notebook, tmp_path) != before


@settings(max_examples=25, deadline=None)
@given(
    source=st.text(st.characters(codec="utf-8")),
    tags=st.lists(st.sampled_from(["parameters", "nbval-skip"]), unique=True),
)
def test_source_and_tags_survive(tmp_path_factory, source, tags):
    cell = new_code_cell(source, metadata={"tags": tags})
    text = stripped(new_notebook(cells=[cell]), tmp_path_factory.mktemp("strip"))
    (kept,) = nbformat.reads(text.decode(), as_version=4).cells
    assert kept.source == source
    assert kept.metadata.get("tags", []) == tags


def test_stripped_copy_is_valid_and_bare(notebook, tmp_path):
    notebook.cells[1].outputs = [new_output("stream", text="printed by a run")]
    text = stripped(notebook, tmp_path)
    assert b"printed by a run" not in text
    nbformat.validate(json.loads(text))
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["stripped.ipynb"]


def test_papermill_runs_the_stripped_copy_and_finds_its_parameters(notebook, tmp_path):
    stripped(notebook, tmp_path)
    executed = papermill.execute_notebook(
        tmp_path / "build" / "stripped.ipynb", tmp_path / "out.ipynb", {"profile": "full"}, progress_bar=False
    )
    (printed,) = [out.text for cell in executed.cells for out in cell.get("outputs", []) if out.get("name") == "stdout"]
    assert printed == "ran full\n"


@pytest.mark.parametrize("text", ["", "[]", "{}", "<<<<<<< HEAD\n{}", '{"nbformat": 9}'])
def test_what_is_not_a_notebook_is_refused_by_name(tmp_path, text):
    (tmp_path / "broken.ipynb").write_text(text)
    with pytest.raises(InputError, match=r"broken\.ipynb: not a notebook"):
        strip(tmp_path / "broken.ipynb", tmp_path / "out.ipynb")
    assert not (tmp_path / "out.ipynb").exists()


def test_a_missing_notebook_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"absent\.ipynb: no such notebook"):
        strip(tmp_path / "absent.ipynb", tmp_path / "out.ipynb")
