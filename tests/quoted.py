"""How documents write numbers, and what they say in one line."""

from imports import ROOT


def said(path):
    return " ".join((ROOT / path).read_text(encoding="utf-8").replace("**", "").split())


def bounds(estimate, digits, factor=1):
    """An interval as documents write it."""
    return f"[{', '.join(f'{factor * estimate[end]:.{digits}f}' for end in ('low', 'high'))}]"


def shown(estimate, digits):
    return f"{estimate['value']:.{digits}f} {bounds(estimate, digits)}"
