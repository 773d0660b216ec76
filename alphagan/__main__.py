"""The command line: thin wrappers around the functions that notebooks call."""

import argparse
import os
import sys
from pathlib import Path

from alphagan import __version__
from alphagan.errors import InputError


def _download(args) -> None:
    from alphagan.cohorts import openneuro

    print(openneuro.download(args.name, args.output or Path("data", "raw", args.name), args.url))


def _check_cohort(args) -> int:
    from alphagan import config
    from alphagan.cohorts.check import check

    cohorts = config.load(args.params).cohorts
    if args.name not in cohorts:
        known = ", ".join(cohorts) or "none"
        raise InputError(f"cohort {args.name!r} is not under cohorts in {args.params} (known: {known})")
    report = check(cohorts[args.name])
    print(report)
    return 0 if report.as_expected else 1


def _prepare(args) -> None:
    from alphagan import config, prepare
    from alphagan.paths import Paths

    print(prepare.prepare(args.cohort, config.load(args.params), Paths()))


def _train(args) -> int | None:
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


def _sample(args) -> None:
    from alphagan import generate

    generate.write_samples(generate.Run.load(args.run), args.n, args.output, args.seed, args.weights, args.device)
    print(args.output)


def _reconstruct(args) -> None:
    from alphagan import generate
    from alphagan.paths import Paths
    from alphagan.volumes import Volumes

    run = generate.Run.load(args.run)
    volumes = Volumes(args.prepared or Paths().prepared(run.settings.cohort))
    generate.write_reconstructions(run, volumes, args.output, args.split, args.device)
    print(args.output)


def _features(args) -> None:
    from alphagan import config, features
    from alphagan.paths import Paths

    settings, paths = config.load(args.params), Paths()
    features.train_features(paths.prepared(args.cohort), paths.features(args.cohort), settings.features, args.device)
    print(paths.features(args.cohort))


def _evaluate(args) -> None:
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


def _repro(args) -> int:
    from alphagan import pipeline

    return pipeline.repro(args.jobs)


def _collect(args) -> None:
    from alphagan import config, evaluation
    from alphagan.paths import Paths

    print(evaluation.collect(config.load(args.params), Paths()))


def _bench(args) -> None:
    from alphagan.bench import table

    table.main(args.size, args.batch, args.repeats, args.json, args.only_step)


def _plan(args) -> None:
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


def _strip(args) -> None:
    from alphagan import notebooks

    for source in sorted(args.source.glob("*.ipynb")):
        notebooks.strip(source, args.target / source.name)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="alphagan", description="Generate 3D brain MRI with auto-encoding GANs.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, function, help):
        command = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        command.set_defaults(function=function)
        return command

    def add_params(command):
        command.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")

    def add_device(command):
        command.add_argument("--device", default="cpu", help="torch device, such as cuda (default: %(default)s)")

    command = add("download", _download, "download a free data set, or what is missing of it")
    command.add_argument("name", choices=("ds002748", "ixi"), help="72 skull-stripped T1w, or 581 whole heads")
    command.add_argument("-o", "--output", type=Path, metavar="DIR", help="default: data/raw/NAME")
    command.add_argument("--url", help="address of a mirror with the same files below it")

    about = commands.add_parser("cohort", help="look at a cohort", description="Look at a cohort.")
    about = about.add_subparsers(required=True, metavar="COMMAND")
    help = "count a cohort's scans and name what is missing; exit status 1 where that is not as expected"
    command = about.add_parser("check", help=help, description=help[0].upper() + help[1:] + ".")
    command.set_defaults(function=_check_cohort)
    command.add_argument("name", metavar="NAME", help="a name under cohorts in the params file")
    add_params(command)

    command = add("prepare", _prepare, "turn a cohort's scans into data/prepared/COHORT")
    command.add_argument("cohort", help="a name under cohorts in the params file")
    add_params(command)

    command = add("train", _train, "train an experiment, or go on with it, into models/COHORT/MODEL")
    command.add_argument("experiment", help="a name under experiments in the params file")
    add_params(command)

    command = add("features", _features, "train the feature network that the evaluation of a cohort rests on")
    command.add_argument("cohort", help="a name under cohorts in the params file")
    add_params(command)
    add_device(command)

    command = add("evaluate", _evaluate, "measure a cohort's trained models, or a folder that any generator filled")
    command.usage = (
        "alphagan evaluate COHORT [--params PARAMS]\n"
        "       alphagan evaluate --real DIR --generated DIR [--train DIR] -o DIR [options]"
    )
    command.add_argument("cohort", nargs="?", metavar="COHORT", help="a name under cohorts in the params file")
    command.add_argument("--params", type=Path, help="of the cohort (default: params.yaml)")
    folders = command.add_argument_group("folders of NIfTI, instead of a cohort; writes report.html and metrics.json")
    folders.add_argument("--real", type=Path, metavar="DIR", help="real scans, skull-stripped")
    folders.add_argument("--generated", type=Path, metavar="DIR", help="generated volumes, with a background of 0")
    help = "what the generator was trained on: other people than in --real; without it, its memory is not audited"
    folders.add_argument("--train", type=Path, metavar="DIR", help=help)
    folders.add_argument("-o", "--output", type=Path, metavar="DIR", help="new or empty folder")
    folders.add_argument("--size", type=_positive, help="side of the cubes that are compared (default: 64)")
    folders.add_argument("--fit", choices=("stretch", "pad"), help="how brains fill their cubes (default: stretch)")
    help = "of real and training scans, such as 'sub-{subject}_T1w.nii.gz'; default: BIDS names, or each its own person"
    folders.add_argument("--pattern", help=help)
    folders.add_argument("--generated-pattern", metavar="PATTERN", help="of generated volumes, '{subject}.nii.gz'")
    folders.add_argument("--modality", help="of the scans; decides which anatomy can be told (default: T1w)")
    folders.add_argument("--med3d", metavar="FILE", help="resnet_50_23dataset.pth, for metrics on its features too")
    folders.add_argument("--seed", type=int, help="of whatever is random (default: 2019)")
    folders.add_argument("--device", help="torch device of feature networks, such as cuda (default: cpu)")

    command = add("sample", _sample, "write generated brains as NIfTI")
    command.add_argument("run", metavar="RUN", help="folder of a finished run, such as models/template/alpha_wgan_gp")
    command.add_argument("-n", type=_positive, default=8, metavar="N", help="how many (default: %(default)s)")
    command.add_argument("-o", "--output", required=True, metavar="DIR", help="new folder for sample-0000.nii.gz ...")
    command.add_argument("--seed", type=int, default=0, help="sample i depends on it and on i (default: %(default)s)")
    command.add_argument(
        "--weights",
        choices=("G_average", "G", "G_early"),
        default="G_average",
        help="moving average, raw, or moving average early in training (default: %(default)s)",
    )
    add_device(command)

    command = add("reconstruct", _reconstruct, "write G(E(x)) of prepared scans as NIfTI, in their scanner space")
    command.add_argument("run", metavar="RUN", help="folder of a finished run")
    command.add_argument("-o", "--output", required=True, metavar="DIR", help="new folder for SUBJECT_rec.nii.gz ...")
    command.add_argument("--split", choices=("train", "val", "test"), default="test", help="default: %(default)s")
    command.add_argument("--prepared", type=Path, metavar="DIR", help="prepared cohort (default: the run's own)")
    add_device(command)

    command = add("bench", _bench, "time a training step against the textbook one")
    command.add_argument("--size", type=_positive, default=64, help="side of the cube (default: %(default)s)")
    command.add_argument("--batch", type=_positive, default=4, help="volumes per batch (default: %(default)s)")
    command.add_argument("--repeats", type=_positive, default=3, help="timed rounds (default: %(default)s)")
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    command.add_argument("--only-step", action="store_true", help="leave out preparation, metrics and data path")

    command = add("plan", _plan, "estimate parameters, arithmetic, memory and time of a training")
    command.add_argument("--size", type=_positive, default=64, help="side of the cube (default: %(default)s)")
    command.add_argument("--batch", type=_positive, default=4, help="volumes of all devices (default: %(default)s)")
    command.add_argument("--gpus", type=_positive, default=1, help="devices (default: %(default)s)")
    command.add_argument("--iterations", type=_positive, default=12000, help="default: %(default)s")
    command.add_argument("--precision", choices=("float32", "bf16"), default="float32", help="default: %(default)s")
    command.add_argument("--checkpoint-activations", action="store_true", help="compute activations twice")
    command.add_argument(
        "--critic-norm", choices=("batch", "group", "none"), default="batch", help="default: %(default)s"
    )
    command.add_argument("--z-dim", type=_positive, default=1000, help="length of the code (default: %(default)s)")
    command.add_argument("--width", type=float, default=1.0, help="multiplier of channels (default: %(default)s)")
    command.add_argument("--tflops", type=float, help="rate of each device; default: measured on this processor")

    command = add("repro", _repro, "run the pipeline as `dvc repro` does, independent stages side by side")
    command.add_argument("--jobs", type=_positive, default=2, help="stages at a time (default: %(default)s)")

    command = add("collect", _collect, "put the metrics of every cohort into reports/metrics.json")
    add_params(command)

    command = add("strip", _strip, "copy notebooks without outputs, for the pipeline to depend on")
    command.add_argument("source", type=Path, help="folder of notebooks")
    command.add_argument("target", type=Path, help="folder of the copies")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 is success, 2 bad input, 1 a failed computation or a cohort that is not as expected."""
    args = _parser().parse_args(arguments)
    try:
        return args.function(args) or 0
    except (InputError, FloatingPointError) as error:
        if args.debug:
            raise
        if os.environ.get("LOCAL_RANK", "0") == "0":  # of processes that train together, one on every machine speaks
            print(f"alphagan: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1


if __name__ == "__main__":
    sys.exit(main())
