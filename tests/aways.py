"""A project at home and a folder on another machine, both below a temporary folder."""

import contextlib
import csv
import io
from pathlib import Path

import yaml
from factories import write_prepared
from trainings import COMMAND_LINE

from alphagan.settings import config
from alphagan.settings.paths import Paths
from alphagan.settings.preparation import write_description
from alphagan.training import fit
from alphagan.workbench.away import archive
from alphagan.workbench.away.pack import pack, ready
from alphagan.workbench.away.state import adopt
from alphagan.workbench.away.steps import Work

SECRET = "secret"  # in every path and name of a file that is put in
PRESET = COMMAND_LINE | {
    "cohorts": {
        "tiny": {
            "kind": "nifti",
            "source": f"/home/{SECRET}/scans",
            "pattern": f"{SECRET}-{{subject}}.nii.gz",
            "covariates": f"/home/{SECRET}/people.tsv",
        },
        "unused": {"kind": "nifti", "source": f"/home/{SECRET}/others"},
    },
    "train": COMMAND_LINE["train"] | {"iterations": 8, "checkpoint_every": 2, "sample_every": 4, "device": "cpu"},
    "features": {"iterations": 2, "batch_size": 4, "threads": 1},
    "evaluate": {
        "n_generated": 8,
        "n_pairs": 10,
        "mmd_batch": 2,
        "mmd_repeats": 3,
        "n_bootstrap": 100,
        "n_permutations": 9,
    },
    "audit": {"n_copies": 4, "inversion_steps": 2},
}


def at_home(root: Path, **train) -> tuple[Work, Path]:
    """A project with a preset and its prepared cohort, as `alphagan prepare` leaves it."""
    content = PRESET | {"train": PRESET["train"] | train}
    preset, folder = root / "preset.yaml", root / "data" / "prepared" / "tiny"
    root.mkdir(parents=True, exist_ok=True)
    preset.write_text(yaml.safe_dump(content))
    write_prepared(folder)
    with open(folder / "subjects.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*rows[0], "source", "sha256"])
    writer.writeheader()
    writer.writerows(row | {"source": f"raw/{SECRET}-{row['subject']}.nii.gz", "sha256": SECRET} for row in rows)
    (folder / "subjects.csv").write_text(text.getvalue())
    (folder / "qc.csv").write_text(f"source,kept\n{SECRET}.nii,no\n")
    write_description(config.parse(content), "tiny", folder)
    return ready(preset, Paths(root)), preset


def there(home: Work, folder: Path) -> Work:
    """Folder on the other machine, where what was packed at home is unpacked and taken in."""
    folder.mkdir()
    archive.extract(pack(home, folder.with_suffix(".tar.gz")), folder)
    work = Work(config.load(folder / "params.yaml"), Paths(folder))
    adopt(folder, work)
    return work


def train(work: Work, stop: int | None = None) -> Path:
    """Train the only experiment, or be interrupted while the picture of an iteration is drawn."""

    def draw(volumes, path):
        if path.name.endswith(f"-{stop:06d}" if stop else "never"):
            raise InterruptedError
        path.with_suffix(".png").write_bytes(volumes.tobytes())

    (step,) = (step for step in work.steps() if step.kind == "train")
    settings, prepared = work.settings(step), work.paths.prepared(step.cohort)
    with contextlib.suppress(InterruptedError):
        fit(settings, prepared, work.run(step), work.paths.scratch("train", settings.cohort, settings.name), draw)
    return work.run(step)
