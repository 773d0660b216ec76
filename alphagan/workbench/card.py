"""What a run is, from what lies beside it: in a dozen lines, and as the model card that goes with its weights."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

from alphagan.audit.findings import findings, headline
from alphagan.errors import InputError
from alphagan.generation.run import Run
from alphagan.metrics.bootstrap import Estimate
from alphagan.metrics.catalogue import QUOTE, metric
from alphagan.settings.json_file import read_json
from alphagan.settings.paths import Paths
from alphagan.settings.preparation import NAME
from alphagan.volumes.prepared import Volumes
from alphagan.workbench import fit_table, fitted
from alphagan.workbench.provenance import measured
from alphagan.workbench.told import KEYS, in_markdown, shown_card, told_by

LICENCES = {
    "ixi": "CC BY-SA 3.0: IXI dataset, https://brain-development.org/ixi-dataset/",
    "ds002748": "CC0: OpenNeuro ds002748, https://openneuro.org/datasets/ds002748",
}
SIMULATED = "none needed: simulated people, drawn from the MNI152 atlas that nilearn carries; nobody's scans"
AS_TOLD = "As the file tells, found where it was exported"
CAME_WITH_IT = (
    "> This card came with the file, which tells no numbers beside it, and was written where it was exported."
)
UNKNOWN = "not known here; ask whoever gave the scans before passing this on"


def facts(run: Run) -> dict:
    """Everything that is known of a run, as plain values.

    Metrics and audit are those that the pipeline left for it, below reports/ of the folder that holds models/; None
    where there are none, or they are of weights that it had before. Of an exported file, whose reader has no such
    folder, they are those that it tells, and "exported" says whether it tells any, and which card came with it.

    Raises
    ------
    InputError
        If something of it is damaged.
    """
    settings, train, config = run.settings, run.settings.train, run.config
    above = Path(os.path.abspath(run.folder)).parents  # models/ may be a link to where there is room
    paths = Paths(above[2]) if run.folder.is_dir() and len(above) > 2 else None
    metrics, audit = measured(run, paths) if paths else ({}, {})
    told = told_by(run)
    found = told.found if told and told.found else {}
    known = fitted.described(run.prior, paths and paths.reports(), told)
    return {
        **{"model": settings.name, "cohort": settings.cohort, "modality": settings.modality},
        **{"size": settings.size, "voxel_size_mm": list(run.voxel_size_mm)},
        **{"people": config.get("people"), "scans": config.get("scans"), "scans_licence": _licence(run, paths)},
        "departures": list(settings.departures),
        **{"iterations": train.iterations, "batch_size": train.batch_size, "seed": train.seed},
        **{"z_dim": settings.model.z_dim, "width": settings.model.width, "networks": list(run.networks.names)},
        **{"alphagan": config.get("alphagan"), "torch": config.get("torch"), "weights_sha256": run.networks.sha256},
        "metrics": _metrics(metrics.get(settings.name), metrics.get("real")),
        "audit": _verdict(audit.get(settings.name)),
        "covariates": known and known | {"changed": fit_table.changed(run)},
        "exported": told and {"tells": told.found is not None, "card": told.card},
        **{key: found[key] for key in KEYS if key in found},
    }


def lines(found: dict) -> list[str]:
    """The facts for a terminal."""
    metrics = found["metrics"] or {}
    shown = [f"{metric(name).label} {row['value']:.3g} (real {row['real']:.3g})" for name, row in metrics.items()]
    told = {
        "model": f"{found['model']}, codes of {found['z_dim']}, width {found['width']:g}",
        "volumes": f"{found['size']} cubed, voxels of {_mm(found)} mm, {found['modality'] or 'contrast not recorded'}",
        "cohort": f"{found['cohort']}: {found['scans']} training scans of {found['people']} people",
        "licence": f"of the scans: {found['scans_licence'] or UNKNOWN}",
        "training": f"{found['iterations']} iterations, batches of {found['batch_size']}, seed {found['seed']}",
        **({"departs": f"as the released code does: {', '.join(found['departures'])}"} if found["departures"] else {}),
        "made with": f"alphagan {found['alphagan']}, torch {found['torch']}",
        "networks": ", ".join(found["networks"]),
        "weights": f"sha256 {found['weights_sha256']}",
        "metrics": "; ".join(shown) or _untold(found, "evaluate"),
        "audit": found["audit"]["verdict"] if found["audit"] else _untold(found, "audit"),
    }
    if found["covariates"]:
        told["age, sex"] = "; ".join(fitted.in_words(found["covariates"]))
    if found["exported"] and (found["metrics"] or found["audit"]):
        told["numbers"] = "those that the file tells, found where it was exported"
    return [f"{name:10}{text}" for name, text in told.items()]


def card(found: dict) -> str:
    """The facts as a model card, in Markdown."""
    exported, write = found["exported"], str
    if exported:
        if exported["card"] and not exported["tells"]:
            return f"{CAME_WITH_IT}\n\n{shown_card(exported['card'])}"
        write = in_markdown  # what a stranger may have written
    if found["metrics"]:
        rows = [
            f"| {metric(name).label} | {row['value']:.3g} [{row['low']:.3g}, {row['high']:.3g}] | {row['real']:.3g} |"
            for name, row in found["metrics"].items()
        ]
        measured = [
            *([f"{AS_TOLD}."] if exported else []),
            "On held-out people, whose scans are augmented as in training, with 95 % intervals:",
            "",
            "| | this model | real people |",
            "|---|---|---|",
            *rows,
        ]
    else:
        measured = [f"{_not(found, 'evaluated')}: nothing is known of how close its brains are to real ones."]
    if found["audit"]:
        audited = [*([f"{AS_TOLD}:", ""] if exported else []), f"**{write(found['audit']['verdict'])}**", ""]
        audited += [f"- {write(text)}" for text in found["audit"]["findings"]]
        audited += ["", "Passing such an audit is no guarantee of privacy."]
    else:
        audited = [f"{_not(found, 'audited')}: it may reproduce people that it was trained on."]
    simulated = found["scans_licence"] == SIMULATED
    scans = "simulated scans" if simulated else "scans"
    known = found["covariates"]
    people = (
        ["## Age and sex", "", *(f"- {text}" for text in fitted.in_words(known, passed_on=True)), ""] if known else []
    )
    named = ", ".join(found["departures"])
    departs = f"; departs from the paper as their released code does: {named}" if named else ""
    about = (
        f"Generates 3D brain MRI ({found['modality'] or 'contrast not recorded'}), {found['size']} voxels a side, "
        f"voxels of {_mm(found)} mm, from codes of {found['z_dim']} random numbers."
    )
    return "\n".join(
        [
            *(f"# {found['model']} trained on {found['cohort']}{' (simulated people)' * simulated}", "", about, ""),
            *(
                "## Training",
                "",
                f"{found['scans']} {scans} of {found['people']} people, skull-stripped. Licence of the",
            ),
            f"scans: {write(found['scans_licence'] or UNKNOWN)}. {found['iterations']} iterations in batches of "
            f"{found['batch_size']}, seed {found['seed']}; alphagan {found['alphagan']}, torch {found['torch']}.",
            *("", "## Quality", "", *measured, "", "## Memory", "", *audited, "", *people, "## Use", ""),
            "For research into methods. What it makes is no person's brain and no basis for a diagnosis; what is rare",
            "among the training scans is rare or missing in what it makes.",
            *("", "```", "alphagan sample FILE_OR_FOLDER -n 100 -o samples --seed 1", "```", ""),
            *_weights(found),
            *("", f"Method: Kwon, Han and Kim, MICCAI 2019, doi:10.1007/978-3-030-32248-9_14{departs}.", ""),
        ]
    )


def _untold(found: dict, command: str) -> str:
    """Why a run has no metrics or no audit, for a terminal."""
    exported = found["exported"]
    if not exported:
        return f"none of these weights; run alphagan {command}"
    if exported["tells"]:
        return "none when it was exported"
    return "the file tells none" + ("; `alphagan card` shows the card in it" if exported["card"] else "")


def _not(found: dict, done: str) -> str:
    """That a run is not evaluated, or not audited, as far as that is known."""
    exported = found["exported"]
    if exported and not exported["tells"]:
        return f"The file does not tell whether it was {done}"
    return f"Not {done} when it was exported" if exported else f"Not {done}"


def _weights(found: dict) -> tuple[str, str]:
    """Which weights a card is of."""
    sha256, networks = found["weights_sha256"], ", ".join(found["networks"])
    if found["exported"]:
        return f"Weights: a file of sha256 `{sha256}` with {networks},", "which was exported from a run."
    return (
        f"Weights: from a weights.pt of sha256 `{sha256}` with {networks};",
        "a file that was exported from it has a hash of its own, and G alone unless all were asked for.",
    )


def _mm(found: dict) -> str:
    return " × ".join(f"{size:.3g}" for size in found["voxel_size_mm"])


def _licence(run: Run, paths: Paths | None) -> str | None:
    """Licence of the scans, where they are prepared here, and are simulated or of a data set that is known.

    Not by the cohort's name alone, which params.yaml may have given to other scans since.
    """
    folder = paths and paths.prepared(run.settings.cohort)
    try:
        if not folder or run.config.get("data") != Volumes(folder).fingerprint():
            return None
    except InputError:
        return None
    told = read_json(folder / NAME)
    return SIMULATED if told.get("kind") == "template" else LICENCES.get(told.get("dataset", ""))


def _metrics(mine: dict | None, real: dict | None) -> dict | None:
    if not (mine and real):
        return None
    keys = ("value", "low", "high", "n")
    return {
        name: {key: mine[name][key] for key in keys} | {"real": real[name]["value"]}
        for name in QUOTE
        if name in mine and name in real
    }


def _verdict(entry: dict | None) -> dict | None:
    """What the audit's own words for its numbers are."""
    if entry is None:
        return None
    found = json.loads(json.dumps(entry), object_hook=_thing)
    for comparison in vars(found.spaces).values():
        comparison.criteria = vars(comparison.criteria)
    found.comparisons, found.membership = vars(found.spaces), vars(found.membership)
    said = findings(found)
    return {"verdict": headline(said), "findings": [finding.text for finding in said]}


def _thing(content: dict) -> Estimate | SimpleNamespace:
    estimate = {"value", "low", "high", "n"} <= content.keys()
    return Estimate(**content) if estimate else SimpleNamespace(**content)
