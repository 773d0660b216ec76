"""Markdown to one HTML file that needs nothing else: style and pictures are inside, and there is no script."""

import base64
import html
import re
from pathlib import Path

import mistune

# What a browser is told to load: nothing but what the file itself holds.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
body { max-width: 72rem; margin: 0 auto; padding: 1.5rem; color: #222; background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem; border-bottom: 1px solid #ccc; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p, li { max-width: 52rem; overflow-wrap: anywhere; }
img { display: block; max-width: 100%; max-height: 75rem; margin: .8rem 0; }
p:has(img) { max-width: none; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .85rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd;
  overflow-wrap: break-word; }
th { border-bottom: 2px solid #888; }
code { font: .9em ui-monospace, "Liberation Mono", Menlo, monospace; }
.wide { overflow-x: auto; }
@media print {
  @page { margin: 1.5cm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  table { font-size: 7.5pt; }
  thead { display: table-header-group; }
  tr, img { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  img { max-height: 24cm; }
}
"""
# All that has a meaning to Markdown; mistune takes a backslash before any of them for the character itself.
MARKS = re.compile(r"([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])")


def printable(text: object) -> str:
    """Text that comes from outside as one line, in which characters that cannot be printed show as "�"."""
    words = " ".join(str(text).split())
    return "".join(character if character.isprintable() else "\ufffd" for character in words)


def plain(text: object) -> str:
    """Text that comes from outside, such as a file's name, for Markdown to show as it is: no link, no picture, no tag.

    It becomes one line; characters that cannot be printed show as "�".
    """
    return MARKS.sub(r"\\\1", printable(text))


class _Page(mistune.HTMLRenderer):
    """Renderer that shows tags as text, and pictures from a folder by what they hold."""

    def __init__(self, folder: Path):
        super().__init__(escape=True)
        self.folder = folder

    def image(self, text: str, url: str, title: str | None = None) -> str:
        content = base64.b64encode((self.folder / url).read_bytes()).decode()
        return super().image(text, f"data:image/png;base64,{content}", title)


def to_html(markdown: str, title: str, folder: Path) -> str:
    """Convert a document.

    Parameters
    ----------
    markdown : str
        With tables, and with PNG files named by their path below `folder`. What comes from outside is `plain`.
    title : str
        Of the window; escaped here.
    folder : Path

    Returns
    -------
    str
        A whole HTML document that loads nothing.
    """
    renderer = _Page(folder)
    convert = mistune.create_markdown(renderer=renderer, plugins=["table"])
    renderer.register("table", lambda renderer, text: f'<div class="wide"><table>\n{text}</table></div>\n')
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n'
        f"</head>\n<body>\n{convert(markdown)}</body>\n</html>\n"
    )
