"""Where everything that is made goes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """Where everything that is made goes, below one root (the repository, or a temporary folder)."""

    root: Path = Path()

    def manifests(self) -> Path:
        """Folder of lists of the files in every cohort's source."""
        return self.root / "data" / "scans"

    def prepared(self, cohort: str) -> Path:
        """Folder of one prepared cohort: volumes.npy, subjects.csv, qc.csv, preparation.json."""
        return self.root / "data" / "prepared" / cohort

    def features(self, cohort: str) -> Path:
        """Folder of one cohort's feature network: weights.pt, config.json."""
        return self.root / "data" / "features" / cohort

    def run(self, cohort: str, model: str) -> Path:
        """Folder of one trained model: weights.pt, config.json, history.csv."""
        return self.root / "models" / cohort / model

    def scratch(self, *parts: str) -> Path:
        """Folder for what may be deleted between runs: partial preparations, checkpoints."""
        return self.root.joinpath("scratch", *parts)

    def reports(self) -> Path:
        """Folder of executed notebooks, figures and metrics."""
        return self.root / "reports"

    def metrics(self, cohort: str) -> Path:
        """Metrics of one cohort's models."""
        return self.reports() / "metrics" / f"{cohort}.json"

    def audit(self, cohort: str) -> Path:
        """What the memorisation audit found of one cohort's models."""
        return self.reports() / "audit" / f"{cohort}.json"

    def provenance(self, kind: str, cohort: str) -> Path:
        """Of which weights the "metrics" or the "audit" of one cohort's models are."""
        return self.reports() / "provenance" / kind / f"{cohort}.json"

    def figures(self, *cohort: str) -> Path:
        """Folder of one cohort's figures, or of those that belong to none."""
        return self.reports().joinpath("figures", *cohort)
