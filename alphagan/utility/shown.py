"""The findings as a figure and as a table."""

from collections.abc import Mapping

import numpy as np

from alphagan.figures.common import Figure, appearance, style
from alphagan.metrics.bootstrap import Estimate
from alphagan.utility.design import ALONE, CLASSICAL, REAL
from alphagan.utility.findings import Finding

Found = Mapping[int, Mapping[str, Finding]]
WIDTH = 0.8  # of the place that each number of people has, in which arms stand beside each other


def named(arm: str) -> str:
    """An arm in words."""
    if arm == REAL:
        return "real alone"
    if arm == CLASSICAL:
        return "+ classical augmentation"
    if arm.endswith(ALONE):
        return f"{appearance(arm.removesuffix(ALONE))[0]} alone"
    return f"+ {appearance(arm)[0]}"


@style()
def errors(found: Found, title: str) -> Figure:
    """Error against the number of real people that were learned from, with 95 % intervals, a line for each arm.

    Parameters
    ----------
    found : dict of int to dict of str to Finding
    title : str
    """
    figure = Figure(figsize=(8.6, 5.4), layout="constrained")
    axes, places = figure.subplots(), sorted(found)
    arms = list(dict.fromkeys(arm for told in found.values() for arm in told))
    for position, arm in enumerate(arms):
        numbers = [n for n in sorted(found) if arm in found[n]]
        of = [found[n][arm].error for n in numbers]
        value, low, high = (np.array([getattr(error, end) for error in of]) for end in ("value", "low", "high"))
        alone = arm.endswith(ALONE)
        _, colour, marker = ("", "#56B4E9", "P") if arm == CLASSICAL else appearance(arm.removesuffix(ALONE), position)
        at = np.array([places.index(n) for n in numbers]) + WIDTH * ((position + 0.5) / len(arms) - 0.5)
        look = {"linestyle": "--", "markerfacecolor": "white"} if alone else {"linestyle": "-"}
        axes.plot(at, value, color=colour, marker=marker, label=named(arm), **look)
        axes.vlines(at, low, high, color=colour, linewidth=1.2)
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.set_xticks(range(len(places)), places)
    axes.grid(axis="x", visible=False)
    for border in range(1, len(places)):
        axes.axvline(border - 0.5, color="#DDDDDD", linewidth=0.8)
    axes.set(xlabel="Real people learned from", ylabel="Mean error of age (years)", title=title)
    figure.legend(loc="outside right upper", fontsize=9)
    return figure


def years(estimate: Estimate) -> str:
    """An estimate in years, in words: 8.68 [7.68, 9.70]."""
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def worth(finding: Finding, least: int, most: int) -> str:
    """Worth in real people, in words; "" where it was not asked.

    Parameters
    ----------
    finding : Finding
    least, most : int
        Fewer and more real people than these, beside those learned from, were not tried.
    """
    if finding.worth is None:
        return ""
    words = {"above": "more than was tried: ≥ ", "below": "fewer than was tried: ≤ "}

    def end(value: float) -> str:
        beyond = "≤ " if np.isclose(value, least) else "≥ " if np.isclose(value, most) else ""
        return f"{beyond}{round(value):+d}"

    found = finding.worth
    if finding.beyond and not round(found.value):  # the end of what was tried
        return words[finding.beyond].partition(":")[0]
    return f"{words.get(finding.beyond, '')}{round(found.value):+d} [{end(found.low)}, {end(found.high)}]"


def rows(found: Found, people: list[int]) -> list[dict[str, str]]:
    """One row for each number of people and arm."""
    tried = min(found), max(found)
    return [
        {
            "real people": str(n),
            "learned from": named(arm),
            "error, years": years(told.error),
            "difference from classical": years(told.difference) if told.difference else "",
            "p (Holm)": f"{told.p_holm:.3g}" if told.p_holm is not None else "",
            "worth so many real people": worth(told, *(number - n for number in tried)),
            "verdict": told.verdict,
        }
        for n in people
        for arm, told in found[n].items()
    ]


def guessing(guess: Estimate, difference: Estimate, n: int) -> str:
    """What readers have to be better than, and whether those of real people alone are."""
    line = f"To say the mean age of {n} people errs by {years(guess)} years; real alone differs by {years(difference)}."
    if difference.high < 0:
        return line
    return f"{line} Age is not seen to be read here at all, so that no verdict says anything of what volumes are worth."


def table(found: Found, people: list[int]) -> str:
    """The rows in Markdown."""
    told = rows(found, people)
    lines = [list(told[0]), ["---"] * len(told[0]), *(list(row.values()) for row in told)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
