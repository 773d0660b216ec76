"""What each command of the command line does: thin wrappers around the functions that notebooks call.

Imports stand inside the functions: a command loads what it needs, and training needs torch and little else.
"""

import os
import sys
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
    from alphagan.preparation.prepare import prepare
    from alphagan.preparation.quality import refusals, unusual
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths

    folder = prepare(args.cohort, load(args.params), Paths())
    for line in (*refusals(folder / "qc.csv"), *unusual(folder / "qc.csv")):
        print(f"note: {line}", file=sys.stderr)
    print(folder)


def train(args) -> int | None:
    """Train an experiment, in several processes where `train.devices` asks for them."""
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.training import choose_device, fit
    from alphagan.training.distributed import join
    from alphagan.training.launch import launch

    config, paths = load(args.params), Paths()
    settings = config.settings(args.experiment)
    device, n = choose_device(settings.train.device), settings.train.devices
    if n > 1 and "WORLD_SIZE" not in os.environ:  # which `launch` and torchrun set
        again = ["-m", "alphagan", *(["--debug"] if args.debug else []), "train", args.experiment]
        return launch(n, device, [*again, "--params", str(args.params)])
    run = paths.run(settings.cohort, settings.name)
    with join(device) as world:
        prepared = _prepared(config, settings.cohort, paths, speaks=world.rank == 0)
        scratch = paths.scratch("train", settings.cohort, settings.name)
        fit(settings, prepared, run, scratch, _sample_grids(), progress=True, world=world)
        if world.rank == 0:
            print(run)
    return None


def watch(args) -> None:
    """Follow a training until it ends; it may be one that has not begun yet."""
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.workbench.watch import draw, follow, glance, to_tensorboard

    settings = load(args.params).settings(args.experiment)
    scratch = Paths().scratch("train", settings.cohort, settings.name)
    if glance(scratch) is None:
        print(f"nothing of {args.experiment} is training here yet: alphagan train {args.experiment}", file=sys.stderr)
    target = args.tensorboard / settings.cohort / settings.name if args.tensorboard else scratch / "losses.png"
    seen = to_tensorboard(follow(scratch), target) if args.tensorboard else draw(follow(scratch), target)
    print(f"tensorboard --logdir {args.tensorboard}" if args.tensorboard else target, flush=True)
    for line in seen:
        print(line, flush=True)


def _prepared(config: "Config", cohort: str, paths: "Paths", speaks: bool = True) -> Path:
    """Folder of a prepared cohort, refused where params.yaml no longer says how it was prepared."""
    from alphagan.settings.preparation import check_preparation

    folder = paths.prepared(cohort)
    for line in check_preparation(config, cohort, folder):
        if speaks:
            print(f"note: {line}", file=sys.stderr)
    return folder


def _note_other_scans(config: "Config", cohort: str, paths: "Paths", same_size: bool = False) -> None:
    """Say which models of a cohort, or whether its feature network, were trained on other scans than it has now."""
    from alphagan.volumes.prepared import Volumes
    from alphagan.workbench.provenance import note_other_scans

    runs = [paths.run(cohort, chosen.model) for chosen in config.experiments.values() if chosen.cohort == cohort]
    note_other_scans([*runs, paths.features(cohort)], Volumes(paths.prepared(cohort)), same_size)


def _sample_grids():
    """Pictures while training, where matplotlib is installed; a bare GPU node trains without them."""
    try:
        from alphagan.figures import save_montage
    except ModuleNotFoundError as error:
        print(f"no sample grids while training: {error.name} is not installed", file=sys.stderr)
        return None
    return save_montage


def view(args) -> None:
    """Write volumes as a page to look at."""
    from alphagan.viewer.view import Wanted, write_view

    wanted = Wanted(args.sources, args.n, args.seed, args.real, args.names)
    print(write_view(wanted, args.output, args.force))


def features(args) -> None:
    """Train a cohort's feature network."""
    from alphagan.evaluation.features.network import train_features
    from alphagan.generation.device import usable
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths

    config, paths, device = load(args.params), Paths(), usable(args.device)
    prepared = _prepared(config, args.cohort, paths)
    train_features(prepared, paths.features(args.cohort), config.features, device)
    print(paths.features(args.cohort))


def evaluate(args) -> None:
    """Measure a cohort's models, or folders of NIfTI."""
    from alphagan.report.options import from_options
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths

    if chosen := from_options(args.cohort, vars(args)):
        from alphagan.report.folders import evaluate_folders  # needs matplotlib

        print(evaluate_folders(*chosen))
        return
    from alphagan.workbench.results import keep_metrics

    config, paths = load(args.params or "params.yaml"), Paths()
    _prepared(config, args.cohort, paths)
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
    _prepared(config, args.cohort, paths)
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


def repro(args) -> int:
    """Run the pipeline."""
    from alphagan.workbench.pipeline import repro

    return repro(args.jobs)


def collect(args) -> None:
    """Put the metrics of all cohorts together."""
    from alphagan.evaluation.cohort import collect
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths

    print(collect(load(args.params), Paths()))


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
    model = Model(critic_norm=args.critic_norm, z_dim=args.z_dim, width=args.width)
    needs = plan(args.size, args.batch // args.gpus, model, args.precision, args.checkpoint_activations)
    if args.tflops:
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
