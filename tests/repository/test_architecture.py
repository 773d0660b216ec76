"""Rooms use those above them in CONTRIBUTING's map alone; no circles; every room says what it is for; no long files."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from imports import ROOT, graph, modules

MAP = re.search(r"```\nalphagan/\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL).group(1)
LINE = re.compile(r"( +)(\w+)(/|\.py) +(\S.*)")
LONGEST = 250


def rooms() -> dict[str, str]:
    """Path below alphagan/ of each room, as the map lists them, with its line."""
    found, above = {}, ""
    for indent, name, ending, purpose in map(lambda line: LINE.fullmatch(line).groups(), MAP.splitlines()):
        above = "" if len(indent) == 2 else above
        found[f"{above}{name}{ending}"] = purpose
        above = above or f"{name}/"
    return found


ORDER = [path.rstrip("/").removesuffix(".py") for path in rooms() if path.count("/") < 2]


def room(module: str) -> str | None:
    """Room of a module; None for the package itself, which hands on names of its rooms when they are asked for."""
    return module.split(".")[1] if "." in module else None


def against(arrows: dict[str, set[str]], order: list[str]) -> list[str]:
    """Imports of a room that is not above the importing one."""
    return [
        f"{name} imports {other}"
        for name, others in arrows.items()
        for other in sorted(others)
        if room(name) and room(other) and room(name) != room(other)
        if order.index(room(other)) > order.index(room(name))
    ]


def circle(arrows: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def too_long(files: list[Path]) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in files if len(path.read_text().splitlines()) > LONGEST}


def test_the_map_has_every_room():
    below = {path.name for path in (ROOT / "alphagan").iterdir()} - {"__init__.py", "__pycache__"}
    assert {name.removesuffix(".py") for name in below} == set(ORDER)
    packages = {f"{path.parent.relative_to(ROOT / 'alphagan')}/" for path in (ROOT / "alphagan").rglob("*/__init__.py")}
    assert packages == {path for path in rooms() if path.endswith("/")}


@pytest.mark.parametrize(("path", "purpose"), rooms().items(), ids=rooms())
def test_a_room_says_in_one_line_what_it_is_for(path, purpose):
    where = ROOT / "alphagan" / path
    said = first_line(where / "__init__.py" if path.endswith("/") else where)
    assert said == purpose
    assert said.endswith(".")


def test_no_arrow_points_down_the_map():
    assert against(graph(), ORDER) == []


def test_the_package_itself_imports_no_room_by_itself():
    assert not graph(at_import=True)["alphagan"]


def test_no_circle_of_imports():
    assert circle(graph(at_import=True)) == []


def test_no_file_is_long():
    files = [*modules().values(), *(ROOT / "tests").rglob("*.py")]
    assert too_long(files) == set()


def test_the_tests_above_can_fail(tmp_path):
    for name, text in {
        "alphagan/__init__.py": "",
        "alphagan/low/__init__.py": "from alphagan.low import a",
        "alphagan/low/a.py": "from alphagan.low.b import f",
        "alphagan/low/b.py": "def f():\n    from alphagan.high import c\n    from alphagan.low import a",
        "alphagan/high/__init__.py": "",
        "alphagan/high/c.py": "import alphagan.low.a",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert against(graph(tmp_path), ["low", "high"]) == ["alphagan.low.b imports alphagan.high.c"]
    assert circle(graph(tmp_path, at_import=True)) == []
    (tmp_path / "alphagan/low/b.py").write_text("if True:\n    from alphagan.low.a import f")
    assert set(circle(graph(tmp_path, at_import=True))) == {"alphagan.low.a", "alphagan.low.b"}
