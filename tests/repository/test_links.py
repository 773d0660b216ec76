"""Links of the documents lead to files and headings that are there; addresses elsewhere are looked at for form only."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from documents import DOCUMENTS, document, read
from imports import ROOT

HOST = re.compile(r"([a-z0-9]([a-z0-9_-]*[a-z0-9])?\.)+[a-z]{2,}")


def fault(link: str, where: Path) -> str:
    """What is wrong with a link of a document; "" where nothing is."""
    if re.search(r"\s|[<>]", link):
        return "has a space or bracket in it"
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        well_formed = parts.scheme in ("http", "https") and HOST.fullmatch(parts.netloc)
        return "" if well_formed else "is no address of the web"
    target = (ROOT / where.parent / unquote(parts.path)).resolve() if parts.path else ROOT / where
    if not target.exists() or not target.is_relative_to(ROOT):
        return "leads to no file of the repository"
    if parts.fragment and parts.fragment not in document(target.relative_to(ROOT)).anchors:
        return "leads to no heading"
    return ""


@pytest.mark.parametrize("where", DOCUMENTS, ids=str)
def test_links_lead_somewhere(where):
    links = document(where).links
    assert not {link: wrong for link in links if (wrong := fault(link, where))}


def test_every_document_is_reached_from_the_page_of_questions():
    page = Path("docs/README.md")
    linked = {(ROOT / "docs" / urlsplit(link).path).resolve() for link in document(page).links}
    wanted = {(ROOT / path).resolve() for path in DOCUMENTS if path != page} | set((ROOT / "notebooks").glob("*.ipynb"))
    assert not wanted - linked


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](docs/engine.md)", ""),
        ("[a](docs/engine.md#on-a-gpu)", ""),
        ("[a](#two-commands)", ""),
        ("<https://example.org/a_(b)>", ""),
        ("![a](results/ixi_32/figure_2.png)", ""),
        ("[a](docs/motor.md)", "no file"),
        ("[a](docs/engine.md#on-a-tpu)", "no heading"),
        ("[a](#three-commands)", "no heading"),
        ("[a](../outside)", "no file"),
        ("| [a](https//example.org) |\n|---|", "no file"),
        ("[a](https://example)", "no address"),
        ("[a](file:///etc/hosts)", "no address"),
    ],
)
def test_what_is_wrong_with_a_link_is_seen(text, wrong):
    (link,) = read(text).links
    assert wrong in fault(link, Path("README.md")) and bool(wrong) == bool(fault(link, Path("README.md")))
