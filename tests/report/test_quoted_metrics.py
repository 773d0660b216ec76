"""Metrics that told no generator of known fault in these data are not among those to quote."""

from types import SimpleNamespace

from alphagan.metrics.catalogue import FAULTY, QUOTE, metric
from alphagan.report.metrics import to_quote
from alphagan.report.page import plain


def estimate(value):
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 19}


def label(name):
    return plain(metric(name).label)


def test_a_metric_that_told_none_is_named_apart():
    like = {name: estimate(0.5) for name in QUOTE}
    rows = {name: dict(like) for name in ("real", "generated", *FAULTY)}
    rows["mean_brain"]["mmd_rbf"] = estimate(0.9)
    lines = list(to_quote(SimpleNamespace(evaluation=SimpleNamespace(as_dict=lambda: rows))))
    (table,) = [line for line in lines if line.startswith("|") and label("mmd_rbf") in line]
    assert table.endswith("like |")
    (apart,) = [line for line in lines if line.startswith("Not here")]
    blind = [label(name) for name in QUOTE if name != "mmd_rbf"]
    assert len(blind) > 1 and apart.endswith(f"from real scans: {'; '.join(blind)}.")
    assert not [line for line in lines if line.startswith("|") and blind[0] in line]
