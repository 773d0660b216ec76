"""What each command of the command line does: thin wrappers around the functions that notebooks call.

Imports stand inside the functions: a command loads what it needs, and training needs torch and little else.
"""

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alphagan.errors import InputError

if TYPE_CHECKING:
    from alphagan.settings.config import Config
    from alphagan.settings.paths import Paths


def download(args) -> None:
    """Download a free data set."""
    from alphagan.preparation.cohorts import openneuro

    print(openneuro.download(args.name, args.output or Path("data", "raw", args.name), args.url))


def check_cohort(args) -> int:
    """Say what is found of a cohort; 1 if it is not as expected."""
    from alphagan.preparation.cohorts.check import check
    from alphagan.settings.config import load

    report = check(load(args.params).cohort(args.name))
    print(report)
    return 0 if report.as_expected else 1


def list_scans(args) -> None:
    """List the files of every cohort; as the stage that always runs, look through DVC's cache too."""
    from alphagan.preparation.manifest import write_manifests
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.workbench.cache import mend_cache

    print(write_manifests(load(args.params), Paths()))
    for line in mend_cache(Path()):
        print(f"note: {line}")


def prepare(args) -> None:
    """Prepare a cohort, and say what is unusual about its scans."""
    from alphagan.preparation.cohorts.check import of_missing
    from alphagan.preparation.prepare import prepare
    from alphagan.preparation.quality import refusals, unusual
    from alphagan.preparation.together import of_cohort
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths

    config = load(args.params)
    folder = prepare(args.cohort, config, Paths())
    notes = (*of_missing(config.cohort(args.cohort)), *refusals(folder / "qc.csv"), *unusual(folder / "qc.csv"))
    for line in (*notes, *of_cohort(folder)):
        print(f"note: {line}", file=sys.stderr)
    print(folder)


def prepared_as_told(config: "Config", cohort: str, paths: "Paths", speaks: bool = True) -> Path:
    """Folder of a prepared cohort, refused where params.yaml no longer says how it was prepared."""
    from alphagan.settings.preparation import check_preparation

    folder = paths.prepared(cohort)
    for line in check_preparation(config, cohort, folder):
        if speaks:
            print(f"note: {line}", file=sys.stderr)
    return folder


def _note_other_scans(config: "Config", cohort: str, paths: "Paths", same_size: bool = False) -> None:
    """Say which models of a cohort, or whether its feature network, were trained on other scans than it has now.

    Raises
    ------
    InputError
        If one of the models is not trained yet.
    """
    from alphagan.preparation.together import of_cohort
    from alphagan.volumes.prepared import Volumes
    from alphagan.workbench.provenance import note_other_scans, of_changed_folder, of_other_settings

    volumes = Volumes(paths.prepared(cohort))
    runs = {experiment: paths.run(cohort, model) for experiment, model in config.experiments_on(cohort).items()}
    for experiment, folder in runs.items():
        if not folder.is_dir():
            raise InputError(f"{folder}: not trained yet; run `alphagan train {experiment}`, or leave it out")
    note_other_scans([*runs.values(), paths.features(cohort)], volumes, same_size)
    others = (*of_changed_folder(config, cohort, paths), *of_other_settings(config, cohort, paths))
    for line in (*others, *of_cohort(volumes.folder)):
        print(f"note: {line}", file=sys.stderr)


def view(args) -> None:
    """Write volumes as a page to look at."""
    from alphagan.viewer.view import Wanted, write_view

    wanted = Wanted(args.sources, args.n, args.seed, args.real, args.names)
    print(write_view(wanted, args.output, args.force))


def evaluate(args) -> None:
    """Measure a cohort's models, or folders of NIfTI."""
    from alphagan.report.options import from_options
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths

    paths = Paths()
    kept = (paths.prepared(args.cohort), paths.features(args.cohort)) if args.cohort else ()
    if chosen := from_options(args.cohort, vars(args), *kept):
        from alphagan.report.folders import evaluate_folders  # needs matplotlib

        folders, output = chosen
        sections = None
        if args.cohort:
            config = load(args.params or "params.yaml")
            prepared_as_told(config, args.cohort, paths)
            sections = {
                name: getattr(config, name).model_dump(mode="json") for name in ("features", "evaluate", "audit")
            }
            given = {name: value for name in ("seed", "med3d") if (value := getattr(args, name)) is not None}
            sections["evaluate"] |= given
            folders = replace(folders, **{name: sections["evaluate"][name] for name in ("seed", "med3d")})
        print(evaluate_folders(folders, output, sections))
        return
    from alphagan.workbench.results import keep_metrics

    config = load(args.params or "params.yaml")
    prepared_as_told(config, args.cohort, paths)
    _note_other_scans(config, args.cohort, paths)
    found = keep_metrics(config, args.cohort, paths)
    for names, reason in found.left_out.items():
        print(f"left out: {names}: {reason}", file=sys.stderr)
    print(paths.metrics(args.cohort))


def audit(args) -> None:
    """Look for what a cohort's models remember."""
    from alphagan.audit import verdict
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.workbench.results import keep_audit

    config, paths = load(args.params), Paths()
    prepared_as_told(config, args.cohort, paths)
    _note_other_scans(config, args.cohort, paths, same_size=True)
    audits = keep_audit(config, args.cohort, paths)
    for name, found in audits.items():
        if found.membership:  # a model, not one of the generators of known fault
            print(verdict(found, f"{args.cohort}: {name}"))
    print(paths.audit(args.cohort))


def utility(args) -> None:
    """Test whether generated brains help to read age."""
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.workbench.utility import run_and_show

    folder = run_and_show(load(args.params), args.cohort, Paths(), args.only_seed)
    if args.only_seed is None:
        print((folder / "table.md").read_text(encoding="utf-8"), end="")
    print(folder)


def lesions(args) -> None:
    """Look for strokes and tumours in real people and in what models make."""
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.workbench.lesions import find_and_show, unlike

    config, paths = load(args.params), Paths()
    for cohort in (args.cohort, *({args.healthy} & config.cohorts.keys())):  # the healthy may be of another file
        prepared_as_told(config, cohort, paths)
    _note_other_scans(config, args.cohort, paths, same_size=True)
    unknown = "no --healthy cohort: how often people without a lesion have such a patch is not known"
    for line in unlike(args.healthy, args.cohort, paths) if args.healthy else [unknown]:
        print(f"note: {line}", file=sys.stderr)
    folder = find_and_show(config, args.cohort, args.healthy, paths)
    print((folder / "table.md").read_text(encoding="utf-8"), end="")
    print(folder)


def repro(args) -> int:
    """Run the pipeline."""
    from alphagan.workbench.pipeline import repro

    return repro(args.jobs)


def collect(args) -> None:
    """Put the metrics of all cohorts together."""
    from alphagan.evaluation.cohort import collect
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.workbench.provenance import of_other_weights
    from alphagan.workbench.results import of_dropped_models

    config, paths = load(args.params), Paths()
    path = collect(config, paths)
    for cohort in config.cohorts:
        for line in (*of_other_weights(config, cohort, paths), *of_dropped_models(config, cohort, paths)):
            print(f"note: {line}", file=sys.stderr)
    print(path)


def bench(args) -> None:
    """Time the training step."""
    from alphagan.workbench.bench.table import main

    main(args.size, args.batch, args.repeats, args.json, args.only_step)


def plan(args) -> None:
    """Estimate what a training needs."""
    from alphagan.settings.sections import Model
    from alphagan.workbench.bench.table import matrix_rate
    from alphagan.workbench.plan import describe, plan

    if args.batch % args.gpus:
        raise InputError(f"--batch: {args.batch} is not a multiple of {args.gpus} devices; choose one that is")
    model = Model(critic_norm=args.critic_norm, z_dim=args.z_dim, width=args.width, code_units=args.code_units)
    needs = plan(args.size, args.batch // args.gpus, model, args.precision, args.checkpoint_activations)
    if args.tflops is not None and not 0 < args.tflops < math.inf:
        raise InputError(f"--tflops {args.tflops:g}: is no rate; give one above 0")
    if args.tflops is not None:
        rate, whence = args.tflops * 1e12, "as given"
    else:
        # bfloat16 is multiplied as float32 where that is faster
        rate, whence = 0.6 * matrix_rate(), "60 % of what this processor's float32 matrix products reach"
    print(describe(needs, args.iterations, args.gpus, rate, whence))


def strip(args) -> None:
    """Copy notebooks without outputs."""
    from alphagan.workbench.notebooks import strip

    for source in sorted(args.source.glob("*.ipynb")):
        strip(source, args.target / source.name)
