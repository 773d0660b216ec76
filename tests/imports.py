"""What imports what in alphagan, read from the source without running it."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


@cache
def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module of alphagan with its file; a package is named without `__init__`."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((root / "alphagan").rglob("*.py"))
    }


def imports(tree: ast.AST, known, at_import: bool = False) -> set[str]:
    """Modules among `known` that code imports; with `at_import`, not those that wait until a function is called."""
    found, todo = set(), [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= whole & set(known) | ({node.module} if whole - set(known) else set())
        if not (at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)):
            todo += ast.iter_child_nodes(node)
    return found & set(known)


def graph(root: Path = ROOT, at_import: bool = False) -> dict[str, set[str]]:
    """Modules, each with those that it imports."""
    known = modules(root)
    return {
        name: imports(ast.parse(path.read_text(encoding="utf-8")), known, at_import) - {name}
        for name, path in known.items()
    }


def reached(start: set[str], arrows: dict[str, set[str]]) -> set[str]:
    """Modules that some modules import, and those that these import, and so on; the first ones among them."""
    found, todo = set(), list(start)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += arrows[name]
    return found
