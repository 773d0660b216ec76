"""The reference of the Python interface builds without a warning or the network, and has every public name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import alphagan

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_reference_builds_without_a_warning_and_is_complete(tmp_path):
    source, site = ROOT / "docs" / "reference", tmp_path / "site"
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-d", tmp_path / "doctrees", source, site]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    pages = {path.stem: path.read_text(encoding="utf-8") for path in site.glob("*.html")}
    for room in (alphagan.metrics, alphagan.audit):
        page = pages[room.__name__.rpartition(".")[2]]
        missing = [name for name in room.__all__ if f'id="{room.__name__}.{name}"' not in page]
        assert not missing
    assert 'id="alphagan.load"' in pages["generation"] and "Run.sample" in pages["generation"]
    # Whatever a page loads stands beside it.
    loaded = re.compile(r"<(?:link|script|img)[^>]*(?:href|src)=.https?:")
    assert not [name for name, page in pages.items() if loaded.search(page)]
