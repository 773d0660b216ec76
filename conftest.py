"""What pytest needs to know about the notebooks; it stands at the root because both they and the tests are below."""


def pytest_collectstart(collector):
    """Have nbval pass over what no two runs share: warnings, progress bars, widget ids, embedded viewers."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr", "text/html", "application/vnd.jupyter.widget-view+json")
