"""What pytest needs to know about the notebooks; it stands at the root because both they and the tests are below."""

import os

# A backend set for scripts would reach the notebooks' kernels, which would then show no figures.
os.environ.pop("MPLBACKEND", None)


def pytest_collectstart(collector):
    """Have nbval pass over what no two runs share: warnings, progress bars, widget ids, embedded viewers."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr", "text/html", "application/vnd.jupyter.widget-view+json")
