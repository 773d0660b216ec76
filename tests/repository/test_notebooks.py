"""The notebooks are short, in words as much as in code, and kept with outputs that nbval can compare."""

import json
import re
import statistics
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Of one machine, or a library's word to programmers.
STRAY = re.compile(r"[Ww]arning|(?<![\w.])/(?:tmp|root|work|home|Users|opt)/|ipykernel|Traceback")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request):
    return nbformat.read(request.param, as_version=4).cells


def code(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def test_all_are_here_in_order():
    assert [int(path.stem[:2]) for path in NOTEBOOKS] == list(range(9))


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
    assert tagged[0].source.startswith(('profile = "smoke"', 'scans = ""'))


def test_no_stage_runs_the_notebook_for_a_start_which_writes_where_no_stage_does():
    stages = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    run = set(re.findall(r" build/(\w+)\.ipynb", stages))
    assert {path.stem for path in NOTEBOOKS} - run == {"00_start", "08_utility"}
    start = "\n".join(cell.source for cell in code(nbformat.read(NOTEBOOKS[0], as_version=4).cells))
    assert "Workspace" not in start and "paths.root" in start


def test_outputs_are_kept_and_without_errors(cells):
    assert [cell.execution_count for cell in code(cells)] == list(range(1, len(code(cells)) + 1))
    assert not any(output.output_type == "error" for cell in code(cells) for output in cell.outputs)
    assert any("image/png" in output.get("data", {}) for cell in code(cells) for output in cell.outputs)


def strays(cells) -> list[str]:
    """What stands on stderr in the outputs, and text in them that belongs to a machine or a library."""
    outputs = [output for cell in code(cells) for output in cell.outputs]
    said = [output.text for output in outputs if output.get("name") == "stderr"]
    for output in outputs:
        shown = {kind: content for kind, content in output.get("data", {}).items() if not kind.startswith("image/")}
        said += STRAY.findall(json.dumps([output.get("text", ""), shown], ensure_ascii=False))
    return said


def test_outputs_hold_no_page_to_click_through(cells):
    html = ["".join(output.get("data", {}).get("text/html", "")) for cell in code(cells) for output in cell.outputs]
    assert not [page for page in html if "<iframe" in page]


def test_outputs_hold_no_warning_and_no_path_of_a_machine(cells):
    assert strays(cells) == []


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "stream", "name": "stderr", "text": "50 %"},
        {"output_type": "stream", "name": "stdout", "text": "made /tmp/alphagan-x1/models"},
        {"output_type": "display_data", "data": {"text/html": "<td>/home/me/scan.nii</td>"}, "metadata": {}},
        {"output_type": "stream", "name": "stdout", "text": "FutureWarning: soon"},
    ],
)
def test_stray_outputs_are_seen(output):
    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.from_dict(output)])
    assert strays([cell])
