"""The book builds without a warning or the network, is complete, and opens in a browser that has no network."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from browser import CHROMIUM, browser

import alphagan

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "book" / "build.py"
SEARCHED = "document.querySelectorAll('#search-results li').length"
WIDTHS = {"phone": 390, "laptop": 1280, "desk": 1920}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make book` does, by a process whose requests would lead nowhere."""
    there = tmp_path_factory.mktemp("book") / "site"
    nowhere = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "all_proxy")}
    command = [sys.executable, SCRIPT, there]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | nowhere)
    assert (done.returncode, done.stderr) == (0, "")
    return there


@pytest.fixture
def book(tmp_path, monkeypatch):
    """The script as a module, for a repository of its own."""
    spec = importlib.util.spec_from_file_location("book_build", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def pages(site):
    return {str(path.relative_to(site)): path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.html"))}


def test_a_notebook_is_shown_as_it_ran_on_people_where_it_did(book, tmp_path):
    ran = tmp_path / book.ON_PEOPLE / "01_cohort-ixi.ipynb"
    ran.parent.mkdir(parents=True)
    ran.touch()
    assert book.shown(tmp_path / "notebooks" / "01_cohort.ipynb") == ran
    small = tmp_path / "notebooks" / "06_generate.ipynb"
    assert book.shown(small) == small


def test_links_of_notebooks_that_the_pipeline_ran_lead_where_they_led(book, tmp_path):
    text = "[a](../results/x/README.md#y) [b](07_audit.ipynb) [c](https://example.org/d.ipynb) `](../e`"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell(text)])
    nbformat.write(notebook, tmp_path / "04_evaluation-mine.ipynb")
    words, code = book.own(tmp_path / "04_evaluation-mine.ipynb").cells
    assert words.source == (
        "[a](../../results/x/README.md#y) [b](../../notebooks/07_audit.ipynb) [c](https://example.org/d.ipynb) `](../e`"
    )
    assert code.source == text


def test_what_the_own_pipeline_left_is_part_of_the_contents(book, tmp_path):
    contents = tmp_path / "docs" / "book" / "contents.md"
    contents.parent.mkdir(parents=True)
    contents.write_text("as ever\n")
    assert book.contents() == "as ever\n"
    own = tmp_path / book.OWN / "01_cohort-mine.ipynb"
    own.parent.mkdir(parents=True)
    own.touch()
    assert f"01_cohort-mine <{book.OWN}/01_cohort-mine>" in book.contents()


@pytest.mark.slow
def test_the_book_has_every_page_notebook_and_public_name(site):
    found = pages(site)
    assert found["index.html"] == found["README.html"]
    sources = [ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md", *(ROOT / "docs").glob("*.md")]
    sources += (ROOT / "notebooks").glob("*.ipynb")
    assert {str(path.relative_to(ROOT).with_suffix(".html")) for path in sources} <= found.keys()
    for room in (alphagan.metrics, alphagan.audit):
        page = found[f"docs/reference/{room.__name__.rpartition('.')[2]}.html"]
        assert not [name for name in room.__all__ if f'id="{room.__name__}.{name}"' not in page]
    page = found["docs/reference/generation.html"]
    assert 'id="alphagan.load"' in page and "Run.sample" in page
    assert "<math" in found["notebooks/03_training.html"] and "\\lambda" not in found["notebooks/03_training.html"]
    assert found["notebooks/04_evaluation.html"].count("<img") > 5


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site):
    loaded = re.compile(r"<(?:link|script|img|iframe)[^>]*(?:href|src)=.(?:https?:)?//")
    assert not [name for name, page in pages(site).items() if loaded.search(page)]


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
def test_every_page_opens_without_a_network_or_a_complaint(site, tmp_path):
    with browser(tmp_path / "profile") as driven:
        for name in pages(site):
            driven.open(site / name)
            elsewhere = [asked for asked in driven.requests if not asked.startswith(site.as_uri())]
            assert not (driven.complaints or elsewhere), (name, driven.complaints, elsewhere)
        for name in ("index.html", "notebooks/04_evaluation.html", "docs/recipes.html"):
            for width in WIDTHS.values():
                driven.open(site / name, width)
                assert driven.value("document.documentElement.scrollWidth <= innerWidth"), (name, width)


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
@pytest.mark.parametrize("word", ["mmd_rbf", "conformal", "SLURM"])
def test_the_search_finds_documents_notebooks_and_functions(site, tmp_path, word):
    with browser(tmp_path / "profile") as driven:
        driven.open(site / "search.html")
        driven.value(f"document.querySelector('.sidebar-search').value = '{word}'")
        driven.value("document.querySelector('.sidebar-search').form.submit()")
        driven.until(f"location.search.includes('{word}') && {SEARCHED}")
        assert not driven.complaints
