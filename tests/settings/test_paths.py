"""Where results lie is a promise: people's scripts and dvc.yaml rely on it."""

from pathlib import Path

import yaml

from alphagan.settings.paths import Paths

ROOT = Path(__file__).parents[2]


def test_places_are_the_promised_ones():
    paths = Paths(Path("root"))
    assert paths.prepared("ixi") == Path("root/data/prepared/ixi")
    assert paths.run("ixi", "alpha_wgan_gp") == Path("root/models/ixi/alpha_wgan_gp")
    assert paths.metrics("ixi") == Path("root/reports/metrics/ixi.json")
    assert paths.figures("ixi", "paper") == Path("root/reports/figures/ixi/paper")
    assert paths.scratch("train", "ixi") == Path("root/scratch/train/ixi")


def test_the_pipeline_writes_to_them_and_publishes_no_scans():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    prepared, trained = (stages[name]["do"]["outs"][0] for name in ("prepare", "train"))
    assert prepared == {"data/prepared/${key}": {"push": False}}
    assert trained == {"models/${item.cohort}/${item.model}": {"push": False}}
    assert "reports/metrics.json" in stages["collect"]["outs"]
