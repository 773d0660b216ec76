"""Stages of dvc.yaml depend on the code that decides their result, and on none that would run them in vain."""

import ast
import re

import nbformat
import pytest
import yaml
from imports import ROOT, graph, imports, modules, reached

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
LEFT_OUT = ("settings", "errors", "workbench")  # with the reason, at the top of dvc.yaml
# What decides each stage's result, beside what its notebook imports.
DECIDES = {
    "strip": {"alphagan.workbench.notebooks"},
    "scans": {"alphagan.preparation.manifest"},
    "prepare": {"alphagan.preparation.prepare"},
    "features": {"alphagan.evaluation.features.network"},
    "networks": set(),
    "train": {"alphagan.training"},
    "training": {"alphagan.generation.run"},
    "evaluate": {"alphagan.evaluation.cohort"},
    "generate": {"alphagan.generation.run"},
    "audit": {"alphagan.evaluation.memory"},
    "figures": {"alphagan.evaluation.samples", "alphagan.evaluation.references"},
    "collect": set(),  # copies files
}
DRAWN_ANEW_WITH_THE_CUBES = "prepare"  # whose notebook's pictures are no reason to prepare again


def dependencies(stage: str) -> list[str]:
    about = STAGES[stage].get("do", STAGES[stage])
    return [path for path in about["deps"] if isinstance(path, str)]


def notebook(stage: str):
    """Notebook that a stage runs, or None."""
    found = re.findall(r" build/(\w+\.ipynb)", str(STAGES[stage].get("do", STAGES[stage])["cmd"]))
    return ROOT / "notebooks" / found[0] if found else None


def imported(path) -> set[str]:
    cells = nbformat.read(path, as_version=4).cells
    source = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return imports(ast.parse(source), modules())


def deciding(stage: str) -> set[str]:
    """Files whose code decides what a stage makes."""
    start = set(DECIDES[stage])
    if notebook(stage) and stage != DRAWN_ANEW_WITH_THE_CUBES:
        start |= {name for name in imported(notebook(stage)) if not name.startswith("alphagan.workbench.")}
    found = {name for name in reached(start, graph()) if name.split(".")[1:2] not in ([room] for room in LEFT_OUT)}
    return {str(modules()[name].relative_to(ROOT)) for name in found - {"alphagan"}}


def is_below(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def test_every_stage_is_looked_at():
    assert set(DECIDES) == set(STAGES)


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"strip", "collect"}))
def test_a_stage_depends_on_the_code_that_decides_its_result(stage):
    named = dependencies(stage)
    assert {path for path in deciding(stage) if not any(is_below(path, folder) for folder in named)} == set()
    if notebook(stage):
        assert f"build/{notebook(stage).name}" in named


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"collect", "figures"}))
def test_a_stage_depends_on_no_code_that_it_does_not_use(stage):
    used = deciding(stage) | {"alphagan/workbench/notebooks.py"} if stage == "strip" else deciding(stage)
    named = [path for path in dependencies(stage) if path.startswith("alphagan/")]
    assert [folder for folder in named if not any(is_below(path, folder) for path in used)] == []


@pytest.mark.parametrize("stage", ["prepare", "features", "train"])
def test_editing_a_figure_metric_report_or_command_trains_nothing(stage):
    rooms = ("figures", "metrics", "audit", "evaluation", "report", "viewer", "utility", "workbench", "generation")
    allowed = {"features": {"alphagan/evaluation/features", "alphagan/metrics/checks.py"}}.get(stage, set())
    named = [path for path in dependencies(stage) if any(is_below(path, f"alphagan/{room}") for room in rooms)]
    assert set(named) == allowed


def test_the_workbench_runs_nothing_but_strip():
    named = {stage: [path for path in dependencies(stage) if "workbench" in path] for stage in STAGES}
    assert {stage: paths for stage, paths in named.items() if paths} == {"strip": ["alphagan/workbench/notebooks.py"]}


def test_the_reasons_for_what_is_left_out_are_given():
    head = (ROOT / "dvc.yaml").read_text(encoding="utf-8").partition("vars:")[0]
    for room in ("settings/", "errors.py", "workbench/"):
        assert f"# - {room}: " in head


def test_contributing_says_what_runs():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = dict(
        re.findall(r"^\| `([\w./]+)` \| (.+) \|$", text.partition("| changed |")[2].partition("\n\n")[0], re.M)
    )
    assert len(table) == 18
    for room, stages in table.items():
        folder = f"alphagan/{room}".rstrip("/")
        run = [stage for stage in STAGES if any(is_below(path, folder) for path in dependencies(stage))]
        assert re.sub(r" \(.*?\)", "", stages) == (", ".join(run) or "none"), room
        in_part = {stage for stage in run if folder not in dependencies(stage)}
        assert set(re.findall(r"(\w+) \(`[\w/.]+`(?:, `[\w/.]+`)* alone\)", stages)) == in_part, room
