"""What archives and publishers of notebooks read says the same as CITATION.cff and environment.yml."""

import json
import tomllib

import pytest
import yaml
from imports import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
ZENODO = json.loads((ROOT / ".zenodo.json").read_text())
MYST = yaml.safe_load((ROOT / "myst.yml").read_text())["project"]
DESCRIPTION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["description"]


def files(entries):
    for entry in entries:
        yield from [entry["file"]] if "file" in entry else []
        yield from files(entry.get("children", []))


def test_the_archive_is_told_what_the_citation_says():
    names = [
        author.get("name") or f"{author['family-names']}, {author['given-names']}" for author in CITATION["authors"]
    ]
    assert [creator["name"] for creator in ZENODO["creators"]] == names
    assert {key: ZENODO[key] for key in ("title", "version", "license")} == {
        key: CITATION[key] for key in ("title", "version", "license")
    }
    assert ZENODO["upload_type"] == CITATION["type"] and ZENODO["description"] == DESCRIPTION
    cited = {related["identifier"] for related in ZENODO["related_identifiers"] if related["relation"] == "cites"}
    assert cited == {reference["doi"] for reference in CITATION["references"]}


def test_the_article_is_called_as_the_citation_calls_it():
    assert (MYST["title"], MYST["description"]) == (CITATION["title"], DESCRIPTION)
    assert MYST["authors"] == CITATION["authors"] and MYST["license"] == {"code": CITATION["license"]}


def test_the_article_has_every_notebook_in_order():
    pages = list(files(MYST["toc"]))
    assert pages[0] == "README.md" and all((ROOT / page).is_file() for page in pages)
    notebooks = [page for page in pages if page.startswith("notebooks/")]
    assert notebooks == sorted(str(path.relative_to(ROOT)) for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("line", (ROOT / "binder" / "requirements.txt").read_text().split("\n")[:-1])
def test_binder_installs_what_conda_installs(line):
    """A file of requirements is named from the folder of the file that names it, what is installed from the root."""
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in conda if isinstance(entry, dict)]
    assert line.replace("../", "") in pip
    option, path = line.split()
    assert (ROOT / ("binder" if option == "-r" else ".") / path).exists()


def test_binder_has_the_python_of_conda():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert f"python={(ROOT / 'binder' / 'runtime.txt').read_text().strip().removeprefix('python-')}" in conda
