"""What each command of the command line does: thin wrappers around the functions that notebooks call."""

import os
import sys
from pathlib import Path

from alphagan.errors import InputError


def download(args) -> None:
    """Download a free data set."""
    from alphagan.cohorts import openneuro

    print(openneuro.download(args.name, args.output or Path("data", "raw", args.name), args.url))


def check_cohort(args) -> int:
    """Say what is found of a cohort; 1 if it is not as expected."""
    from alphagan import config
    from alphagan.cohorts.check import check

    cohorts = config.load(args.params).cohorts
    if args.name not in cohorts:
        known = ", ".join(cohorts) or "none"
        raise InputError(f"cohort {args.name!r} is not under cohorts in {args.params} (known: {known})")
    report = check(cohorts[args.name])
    print(report)
    return 0 if report.as_expected else 1


def prepare(args) -> None:
    """Prepare a cohort."""
    from alphagan import config, prepare
    from alphagan.paths import Paths

    print(prepare.prepare(args.cohort, config.load(args.params), Paths()))


def train(args) -> int | None:
    """Train an experiment, in several processes where `train.devices` asks for them."""
    from alphagan import config, distributed, training
    from alphagan.paths import Paths

    settings, paths = config.load(args.params).settings(args.experiment), Paths()
    device, n = training.choose_device(settings.train.device), settings.train.devices
    if n > 1 and "WORLD_SIZE" not in os.environ:  # which `launch` and torchrun set
        again = ["-m", "alphagan", *(["--debug"] if args.debug else []), "train", args.experiment]
        return distributed.launch(n, device, [*again, "--params", str(args.params)])
    run = paths.run(settings.cohort, settings.name)
    with distributed.join(device) as world:
        prepared, scratch = paths.prepared(settings.cohort), paths.scratch("train", settings.cohort, settings.name)
        training.fit(settings, prepared, run, scratch, _sample_grids(), progress=True, world=world)
        if world.rank == 0:
            print(run)
    return None


def _sample_grids():
    """Pictures while training, where matplotlib is installed; a bare GPU node trains without them."""
    try:
        from alphagan.figures import save_montage
    except ModuleNotFoundError as error:
        print(f"no sample grids while training: {error.name} is not installed", file=sys.stderr)
        return None
    return save_montage


def sample(args) -> None:
    """Write generated brains."""
    from alphagan import generate

    generate.write_samples(generate.Run.load(args.run), args.n, args.output, args.seed, args.weights, args.device)
    print(args.output)


def reconstruct(args) -> None:
    """Write reconstructed scans."""
    from alphagan import generate
    from alphagan.paths import Paths
    from alphagan.volumes import Volumes

    run = generate.Run.load(args.run)
    volumes = Volumes(args.prepared or Paths().prepared(run.settings.cohort))
    generate.write_reconstructions(run, volumes, args.output, args.split, args.device)
    print(args.output)


def features(args) -> None:
    """Train a cohort's feature network."""
    from alphagan import config, features
    from alphagan.paths import Paths

    settings, paths = config.load(args.params), Paths()
    features.train_features(paths.prepared(args.cohort), paths.features(args.cohort), settings.features, args.device)
    print(paths.features(args.cohort))


def evaluate(args) -> None:
    """Measure a cohort's models, or folders of NIfTI."""
    from alphagan import config, evaluation
    from alphagan.paths import Paths
    from alphagan.report import folders, options

    if chosen := options.from_options(args.cohort, vars(args)):
        print(folders.evaluate_folders(*chosen))
        return
    paths = Paths()
    found = evaluation.evaluate(config.load(args.params or "params.yaml"), args.cohort, paths)
    for names, reason in found.left_out.items():
        print(f"left out: {names}: {reason}", file=sys.stderr)
    evaluation.write_json(found.as_dict(), paths.metrics(args.cohort))
    print(paths.metrics(args.cohort))


def audit(args) -> None:
    """Look for what a cohort's models remember."""
    from alphagan import config, evaluation
    from alphagan.audit.cohort import audit_cohort
    from alphagan.audit.verdict import verdict
    from alphagan.paths import Paths

    paths = Paths()
    audits = audit_cohort(config.load(args.params), args.cohort, paths)
    evaluation.write_json({name: found.as_dict() for name, found in audits.items()}, paths.audit(args.cohort))
    for name, found in audits.items():
        if found.membership:  # a model, not one of the generators of known fault
            print(verdict(found, f"{args.cohort}: {name}"))
    print(paths.audit(args.cohort))


def repro(args) -> int:
    """Run the pipeline."""
    from alphagan import pipeline

    return pipeline.repro(args.jobs)


def collect(args) -> None:
    """Put the metrics of all cohorts together."""
    from alphagan import config, evaluation
    from alphagan.paths import Paths

    print(evaluation.collect(config.load(args.params), Paths()))


def bench(args) -> None:
    """Time the training step."""
    from alphagan.bench import table

    table.main(args.size, args.batch, args.repeats, args.json, args.only_step)


def plan(args) -> None:
    """Estimate what a training needs."""
    from alphagan import plan
    from alphagan.bench.table import matrix_rate
    from alphagan.config_sections import Model

    if args.batch % args.gpus:
        raise InputError(f"--batch: {args.batch} is not a multiple of {args.gpus} devices; choose one that is")
    model = Model(critic_norm=args.critic_norm, z_dim=args.z_dim, width=args.width)
    needs = plan.plan(args.size, args.batch // args.gpus, model, args.precision, args.checkpoint_activations)
    if args.tflops:
        rate, whence = args.tflops * 1e12, "as given"
    else:
        # bfloat16 is multiplied as float32 where that is faster
        rate, whence = 0.6 * matrix_rate(), "60 % of what this processor's float32 matrix products reach"
    print(plan.describe(needs, args.iterations, args.gpus, rate, whence))


def strip(args) -> None:
    """Copy notebooks without outputs."""
    from alphagan import notebooks

    for source in sorted(args.source.glob("*.ipynb")):
        notebooks.strip(source, args.target / source.name)
