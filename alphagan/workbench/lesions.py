"""The command `alphagan lesions`: how many generated brains carry a lesion, how large and where, beside real people."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from torch import Tensor

from alphagan.errors import InputError, named_disk_errors
from alphagan.figures import center_cuts, save
from alphagan.files import write_atomically, write_json
from alphagan.generation.load import load
from alphagan.metrics.anatomy import most_asymmetric
from alphagan.metrics.bootstrap import FEWEST
from alphagan.metrics.lesions import CONTRAST, Lesions, lesions, smallest_lesion
from alphagan.preparation.doubles import shared
from alphagan.settings.config import Config
from alphagan.settings.json_file import read_json
from alphagan.settings.paths import Paths
from alphagan.settings.preparation import NAME
from alphagan.volumes.prepared import Volumes

FILES = "lesions.json", "table.md", "frequency", "examples"
N_EXAMPLES = 4
TRAINING = "people, training"
Set = tuple[Tensor | np.ndarray, np.ndarray, list[str] | None]  # volumes, millilitres of their voxels, whom they show
COLUMNS = "", "n", "with a lesion, %", "ml: quartiles", "contrast, %: quartiles", "on the left, %", "map, r"


def find_and_show(config: Config, cohort: str, healthy: str | None, paths: Paths) -> Path:
    """Write to reports/lesions/COHORT what is found in training and held-out people and in every model's samples.

    Parameters
    ----------
    config : Config
    cohort : str
        Whose models are sampled, `evaluate.n_generated` volumes each; T1w, T2w or FLAIR.
    healthy : str or None
        Another prepared cohort, of people without lesions, scanned and prepared alike: they say how unlike the other
        one side may be. None: every patch counts, and how often healthy people have one is not known.
    paths : Paths

    Returns
    -------
    folder : Path
        With lesions.json, table.md, maps of where lesions are, and the first brains of each set, cut where they
        depart most from their mirror image.

    Raises
    ------
    InputError
        If a cohort is not prepared, the two are of different size or contrast, or of one in which it is not known how
        lesions look, a model is not trained, or nothing can be written.
    """
    modality = config.cohort(cohort).modality
    if modality not in CONTRAST:
        raise InputError(f"cohorts.{cohort}: {modality}; lesions are looked for in {', '.join(CONTRAST)}")
    ill = Volumes(paths.prepared(cohort))
    people = {TRAINING: _people(ill, "train"), "people, held out": _people(ill, "val", "test")}
    smallest = 0.0
    if healthy is not None:
        people["people, healthy"] = without = _people(_without(healthy, paths.prepared(healthy), ill, modality))
        smallest = smallest_lesion(without[0], modality, without[2])
    found, first = {}, {}
    for name, (volumes, size, whom) in chain(people.items(), _samples(config, cohort, paths)):
        found[name] = lesions(volumes, smallest, size, modality, whom)
        first[name] = np.asarray(volumes[_first_people(whom, len(volumes))])
    folder = paths.reports() / "lesions" / cohort
    numbers, words, maps, examples = FILES
    affine = np.diag([*ill.voxel_sizes_mm(ill.rows()).mean(0), 1.0])
    told = {name: _as_dict(each, found[TRAINING]) for name, each in found.items()}
    few = _few(found)
    left_out = {"left_out": {"map_correlation": few}} if few else {}
    with named_disk_errors(folder):
        write_json({"healthy": healthy, "smallest_voxels": smallest, "found": told} | left_out, folder / numbers)
        counted = f"\nCounted: patches of more than {smallest:g} voxels, which 95 % of {healthy} do not have.\n"
        text = table(told) + counted * (healthy is not None) + f"\n{few}\n" * bool(few)
        write_atomically(lambda file: file.write(text.encode()), folder, words)
        save(_maps(found, affine), folder / maps)
        save(_examples(first, affine, brighter=CONTRAST[modality] > 0), folder / examples)
    return folder


def unlike(healthy: str, cohort: str, paths: Paths) -> list[str]:
    """Say in which ways the healthy were made or prepared otherwise than the ill: they may differ for that alone."""
    well, ill = (read_json(paths.prepared(name) / NAME) for name in (healthy, cohort))
    if not (well and ill):  # an earlier version prepared them, which is told
        return []
    lines = []
    if (well.get("kind") == "template") != (ill.get("kind") == "template"):
        simulated = healthy if well.get("kind") == "template" else cohort
        lines.append(f"--healthy: only {simulated} is simulated, so {healthy} may differ from {cohort} for that alone")
    for key in ("fit", "field_of_view_mm", "upper_percentile"):
        if well.get(key) != ill.get(key):
            lines.append(f"--healthy: {healthy} has {key} {well.get(key)}, {cohort} {ill.get(key)}; prepare both alike")
    return lines


def _without(healthy: str, folder: Path, ill: Volumes, modality: str) -> Volumes:
    """People without a lesion, if the ill can be compared with them."""
    well = Volumes(folder)
    if well.folder.samefile(ill.folder):
        raise InputError(f"--healthy: {healthy} are the same people; name a cohort of people without lesions")
    if ill.size != well.size:
        raise InputError(f"--healthy: {healthy} has {well.size} voxels along each side, {ill.folder.name} {ill.size}")
    if n := len(shared(well.array, ill.array)):  # cubes: a stroke that was placed into a scan makes another one of it
        raise InputError(
            f"--healthy: {n} of the {len(well.array)} scans of {healthy} are of {ill.folder.name}; name others"
        )
    if (theirs := read_json(folder / NAME).get("modality", modality)) != modality:
        raise InputError(f"--healthy: {healthy} is {theirs}, {ill.folder.name} {modality}; name one of that contrast")
    return well


def _people(volumes: Volumes, *splits: str) -> Set:
    """Scans of some people."""
    rows = volumes.rows(*splits)
    return volumes.tensor(rows)[:, 0], _millilitres(volumes.voxel_sizes_mm(rows)), volumes.people(rows)


def _samples(config: Config, cohort: str, paths: Paths) -> Iterator[tuple[str, Set]]:
    """What each model makes, every volume somebody else; one model after the other, to bound the memory."""
    for model in config.models(cohort):
        run = load(paths.run(cohort, model))
        samples = run.sample(config.evaluate.n_generated, config.evaluate.seed)
        yield model, (samples, _millilitres(np.array(run.voxel_size_mm)), None)


def _first_people(whom: list[str] | None, n_volumes: int) -> list[int]:
    """Rows of the first scan of each of the first people."""
    first = {person: row for row, person in reversed(list(enumerate(whom or range(n_volumes))))}
    return sorted(first.values())[:N_EXAMPLES]


def table(told: dict[str, dict]) -> str:
    """What was found, as Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for name, each in told.items():
        sizes = ", ".join(f"{size:.0f}" for size in each["quartiles_ml"]) or "–"
        r = "–" if each["map_correlation"] is None else f"{each['map_correlation']:.2f}"
        contrast = ", ".join(f"{100 * part:.0f}" for part in each["contrast_quartiles"]) or "–"
        cells = name, str(each["share"]["n"]), _percent(each["share"]), sizes, contrast, _percent(each["left"]), r
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _percent(estimate: dict | None) -> str:
    return (
        "{:.0f} [{:.0f}, {:.0f}]".format(*(100 * estimate[key] for key in ("value", "low", "high")))
        if estimate
        else "–"
    )


def _as_dict(each: Lesions, training: Lesions) -> dict:
    return {
        "share": each.share.as_dict(),
        "quartiles_ml": list(each.quartiles) if each.left else [],
        "contrast_quartiles": list(each.contrast) if each.left else [],
        "left": each.left and each.left.as_dict(),
        "map_correlation": None if _is_few(each) or _is_few(training) else _of_maps(each, training),
    }


def _millilitres(sizes_mm: np.ndarray) -> np.ndarray:
    return np.prod(sizes_mm, axis=-1) / 1000


def _is_few(each: Lesions) -> bool:
    """Whether a map rests on so few people that its correlation is chance's: where one has a lesion, r is 1 or -1."""
    return each.left is None or each.left.n < FEWEST


def _few(found: dict[str, Lesions]) -> str:
    """Say of which maps there is no correlation; "" where there is of all that show a lesion."""
    counted = {name: each.left.n if each.left else 0 for name, each in found.items() if _is_few(each)}
    told = "; ".join(f"{name}: {n}" for name, n in counted.items() if n or name == TRAINING)
    where = f"the map, or that of training people, is of fewer than {FEWEST} people or volumes with a lesion"
    return f"No r where {where} ({told})." if told else ""


def _of_maps(each: Lesions, training: Lesions) -> float | None:
    """Pearson's r of two maps, over voxels where either has a lesion; None where one is flat."""
    one, other = each.frequency, training.frequency
    either = (one > 0) | (other > 0)
    if not (np.ptp(one[either]) and np.ptp(other[either])):
        return None
    return float(np.corrcoef(one[either], other[either])[0, 1])


def _maps(found: dict[str, Lesions], affine: np.ndarray):
    """Maps of all sets in one scale, whose end is the highest frequency in any."""
    highest = max(float(each.frequency.max()) for each in found.values()) or 1.0
    rows = {name: (2 * each.frequency / highest - 1)[None] for name, each in found.items()}
    through = np.stack(np.unravel_index(rows[TRAINING][0].argmax(), rows[TRAINING].shape[1:]))
    title = f"Share of people with a lesion, black 0 to {100 * highest:.0f} %"
    return center_cuts(rows, affine, 1, "magma", title, {name: through[None] for name in rows})


def _examples(rows: dict[str, np.ndarray], affine: np.ndarray, brighter: bool):
    """The first brains of each set, unselected."""
    places = {name: most_asymmetric(volumes, brighter) for name, volumes in rows.items()}
    title = "Unselected, cut where they depart most from their mirror image"
    return center_cuts(rows, affine, N_EXAMPLES, title=title, places=places)
