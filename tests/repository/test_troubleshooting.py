"""docs/troubleshooting.md shows messages as the code has them."""

import ast
import re
from functools import cache

import pytest
from imports import ROOT

TEXT = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SHOWN = [(twice or once).strip() for twice, once in re.findall(r"^\| (?:``(.+?)``|`([^`]+)`) \|", TEXT, re.MULTILINE)]
FIELD, LEAST, LONGEST = "\0", 8, 34


def templates(code: str):
    """Texts in source code, with a mark where a value goes; those of f-strings as a whole."""
    nodes = list(ast.walk(ast.parse(code)))
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in joined for part in ast.walk(node)} - {id(node) for node in joined}
    for node in nodes:
        if isinstance(node, ast.JoinedStr) and id(node) not in parts:
            yield "".join(part.value if isinstance(part, ast.Constant) else FIELD for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield re.sub(r"\{[^{}]*\}", FIELD, node.value)


@cache
def patterns() -> tuple[re.Pattern, ...]:
    texts = [text for path in (ROOT / "alphagan").rglob("*.py") for text in templates(path.read_text(encoding="utf-8"))]
    texts += re.findall(r"echo '(.+?)'", (ROOT / "Makefile").read_text().replace("$(VENV)", FIELD))
    literal = {text.strip(FIELD) for text in texts if len(text.replace(FIELD, "").strip()) >= LEAST}
    return tuple(re.compile(re.escape(text).replace(FIELD, ".+?")) for text in literal)


def unheld(message: str) -> list[str]:
    """Pieces of a message that no text of the code has, but for those as short as a name or value."""
    held = [False] * len(message)
    for pattern in patterns():
        for found in pattern.finditer(message):
            held[found.start() : found.end()] = [True] * (found.end() - found.start())
    pieces = "".join(FIELD if is_held else letter for letter, is_held in zip(message, held, strict=True)).split(FIELD)
    return [piece for piece in pieces if len(piece) > LONGEST or ";" in piece.rstrip("; ")]


@pytest.mark.parametrize("message", SHOWN)
def test_the_message_is_still_in_the_code(message):
    assert unheld(message) == []


def test_all_rows_are_looked_at_and_no_more_than_are_read():
    rows = [line for line in TEXT.splitlines() if re.match(r"\| `", line)]
    assert len(SHOWN) == len(rows) and 15 <= len(rows) <= 20


def test_a_message_that_was_reworded_is_seen():
    assert unheld("looks like a mask: only 2 values; give the scan, not a mask or labels (pattern)") == []
    assert unheld("seems to be a mask: only 2 values; name the scan, neither a mask nor labels (pattern)")
    assert unheld("data/raw/mine: no scans found; look at the folder and the cohort's pattern in params.yaml")
