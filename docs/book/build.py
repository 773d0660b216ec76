"""Build the book: lay out what it is made of under the names by which its pages link to each other, and call Sphinx."""

import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from sphinx.cmd.build import build_main

ROOT = Path(__file__).parents[2]
PAGES = ("CONTRIBUTING.md", "data/README.md", "docs/*.md", "docs/reference/*.rst", "results/**/README.md")
LINKED = (
    "CITATION.cff",
    "results/**/*.png",
    "results/**/*.json",
    "results/*/*.csv",
    "results/**/*.tar.gz",
    "docs/book/conf.py",
)
OWN = "reports/notebooks"  # where the pipeline leaves the notebooks that it ran
OUT = "../../"  # from there to the root
LINK = re.compile(r"\]\((?:\.\./([^)]*?)(?=\))|(?=\w+\.ipynb\)))")  # to ../PAGE, and to another notebook
ON_PEOPLE = "results/ixi_32/notebooks"
SAID_OF = {
    ON_PEOPLE: "As it ran on [184 people of IXI at 32³](../results/ixi_32/README.md); figures CC BY-SA 3.0.",
    "notebooks": "As it runs within a minute, on small data of its own; nothing has had the time to look like a brain.",
}


def shown(notebook: Path) -> Path:
    """Where a notebook of `notebooks/` is as it ran at its largest scale."""
    candidates = (ROOT / ON_PEOPLE).glob(f"{notebook.stem}*.ipynb")
    return next(iter(sorted(candidates)), notebook)


def with_a_word(notebook: Path) -> nbformat.NotebookNode:
    """Read a notebook and say under its title on what it ran."""
    said = SAID_OF[str(notebook.parent.relative_to(ROOT))]
    read = nbformat.read(notebook, as_version=4)
    title, _, rest = read.cells[0].source.partition("\n")
    read.cells[0].source = f"{title}\n\n*{said}*\n{rest}"
    return read


def own(notebook: Path) -> nbformat.NotebookNode:
    """Read a notebook that the pipeline ran elsewhere than it lies, with links that lead where they led from there."""
    read = nbformat.read(notebook, as_version=4)
    for cell in read.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda link: f"]({OUT}{link[1]}" if link[1] else f"]({OUT}notebooks/", cell.source)
    return read


def contents() -> str:
    """Order of the pages, for a newcomer from above to below; what one's own pipeline left stands last."""
    said = (ROOT / "docs" / "book" / "contents.md").read_text(encoding="utf-8")
    own = sorted((ROOT / OWN).glob("*.ipynb"))
    if own:
        entries = "\n".join(f"{path.stem} <{OWN}/{path.stem}>" for path in own)
        said += f"\n```{{toctree}}\n:caption: Your pipeline's notebooks\n:hidden:\n\n{entries}\n```\n"
    return said


def lay(target: Path):
    """Fill an empty folder with the sources of all pages, and with what these link to."""
    for pattern in (*PAGES, *LINKED):
        for path in ROOT.glob(pattern):
            there = target / path.relative_to(ROOT)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, there)
    for path in sorted((ROOT / OWN).glob("*.ipynb")):
        there = target / path.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(own(path), there)
    (target / "README.md").write_text((ROOT / "README.md").read_text(encoding="utf-8") + contents(), encoding="utf-8")
    (target / "notebooks").mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        nbformat.write(with_a_word(shown(path)), target / "notebooks" / path.name)


def build(site: Path) -> int:
    """Write the site, or leave what is there where a page has a fault; a warning is an error.

    Parameters
    ----------
    site : Path
        Folder, which is replaced.

    Returns
    -------
    int
        0, or Sphinx's exit status.
    """
    with tempfile.TemporaryDirectory(prefix="alphagan-book-") as folder:
        sources, doctrees, pages = (Path(folder) / name for name in ("sources", "doctrees", "pages"))
        lay(sources)
        paths = ("-c", Path(__file__).parent, "-d", doctrees, sources, pages)
        status = build_main(["-W", "--keep-going", "-q", *map(str, paths)])
        if not status:
            shutil.rmtree(site, ignore_errors=True)
            shutil.move(pages, site)
    return status


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])))
