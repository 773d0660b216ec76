"""The Markdown that people read: its links, headings and code, as a parser of Markdown sees them."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import mistune
from imports import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for pattern in ("README.md", "CONTRIBUTING.md", "data/README.md", "docs/*.md", "results/*/README.md")
    for path in ROOT.glob(pattern)
)


@dataclass
class Read:
    """What is in a document.

    Attributes
    ----------
    links : list of str
        Where its links and pictures lead, as written.
    anchors : set of str
        What links to its headings end in.
    blocks : list of tuple of str
        Language ("" where none is named) and text of each block of code.
    spans : list of str
        Code within lines.
    """

    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    blocks: list[tuple[str, str]] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)


def read(text: str) -> Read:
    found = Read()
    for token in _tokens(mistune.create_markdown(renderer=None, plugins=["table", "url"])(text)):
        kind, attributes = token["type"], token.get("attrs", {})
        if kind in ("link", "image"):
            found.links.append(attributes["url"])
        elif kind == "heading":
            found.anchors.add(_anchor(_text(token)))
        elif kind == "block_code":
            found.blocks.append((attributes.get("info", ""), token["raw"]))
        elif kind == "codespan":
            found.spans.append(token["raw"].strip())
    return found


@cache
def document(path: Path) -> Read:
    """A document of the repository, by its path from the root."""
    return read((ROOT / path).read_text(encoding="utf-8"))


def _tokens(tokens):
    for token in tokens:
        yield token
        yield from _tokens(token.get("children", []))


def _text(token) -> str:
    return token.get("raw", "") + "".join(map(_text, token.get("children", [])))


def _anchor(heading: str) -> str:
    """As forges make it of a heading: small letters, hyphens for spaces, no other marks."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
