"""Volumes to one HTML file: its own style and script, which the policy names by their hashes, and nothing else."""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from alphagan.report.page import printable
from alphagan.viewer.shown import Shown


@dataclass(frozen=True)
class Entry:
    """One volume of a page.

    Parameters
    ----------
    shown : Shown
    beside : Shown, optional
        Real scan that stands beside it; one object that stands beside several volumes is embedded once.
    words : str
        How near it is.
    """

    shown: Shown
    beside: Shown | None = None
    words: str = ""


def to_html(entries: Sequence[Entry], title: str) -> str:
    """Make a whole HTML document, the same for the same volumes.

    Parameters
    ----------
    entries : sequence of Entry
        At least one.
    title : str
        Of window and page. All text is escaped here.
    """
    scans = list({id(entry.beside): entry.beside for entry in entries if entry.beside}.values())
    place = {id(scan): position for position, scan in enumerate(scans)}
    content = {
        "volumes": [
            _as_dict(entry.shown)
            | {"beside": place[id(entry.beside)] if entry.beside else None, "words": printable(entry.words)}
            for entry in entries
        ],
        "scans": [_as_dict(scan) for scan in scans],
    }
    style, script, body = (_part(name) for name in ("viewer.css", "viewer.js", "viewer.html"))
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    title = html.escape(printable(title))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<link rel="icon" href="data:,">\n<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n'
        f"<h1>{title}</h1>\n{body}"
        f'<script type="application/json" id="content">{_embedded(content)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _as_dict(shown: Shown) -> dict:
    return {
        "title": printable(shown.title),
        "shape": list(shown.levels.shape),
        "affine": shown.affine[:3].round(4).tolist(),
        "sizes": shown.sizes_mm.round(4).tolist(),
        "ends": shown.ends,
        "intensity": shown.intensity,
        "window": shown.window,
        "unknown": printable(shown.unknown),
        "notes": [printable(note) for note in shown.notes],
        "levels": base64.b64encode(shown.packed()).decode(),
    }


def _embedded(content: dict) -> str:
    """JSON in which nothing can be taken for the end of a script."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _part(name: str) -> str:
    return files("alphagan.viewer").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
