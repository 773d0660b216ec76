"""The notebooks are short, in words as much as in code, and kept with outputs that nbval can compare."""

import statistics
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request):
    return nbformat.read(request.param, as_version=4).cells


def code(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def test_all_are_here_in_order():
    numbers = [int(path.stem[:2]) for path in NOTEBOOKS]
    assert numbers == sorted(set(numbers)) and len(numbers) >= 6


def test_code_cells_are_short_and_words_stand_between(cells):
    lines = [len(cell.source.splitlines()) for cell in code(cells)]
    assert max(lines) <= 20
    assert statistics.median(lines) <= 6
    assert sum(cell.cell_type == "markdown" for cell in cells) >= len(lines)
    assert cells[0].cell_type == "markdown"
    assert not any(keyword in cell.source for cell in code(cells) for keyword in ("def ", "class ", "import *"))


def test_one_cell_holds_the_parameters(cells):
    tagged = [cell for cell in code(cells) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert tagged[0].source.startswith('profile = "smoke"')


def test_outputs_are_kept_and_without_errors(cells):
    assert [cell.execution_count for cell in code(cells)] == list(range(1, len(code(cells)) + 1))
    assert not any(output.output_type == "error" for cell in code(cells) for output in cell.outputs)
    assert any("image/png" in output.get("data", {}) for cell in code(cells) for output in cell.outputs)
