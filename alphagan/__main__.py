"""The command line: its options, and how errors are told."""

import argparse
import os
import sys
from pathlib import Path

from alphagan import __version__
from alphagan.errors import InputError
from alphagan.workbench import commands, commands_train
from alphagan.workbench.away.options import add_away
from alphagan.workbench.options_generate import add_commands, add_device, add_params, positive


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="alphagan", description="Generate 3D brain MRI with auto-encoding GANs.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    known = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, function, help):
        command = known.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        command.set_defaults(function=function)
        return command

    command = add("download", commands.download, "download a free data set, or what is missing of it")
    command.add_argument("name", choices=("ds002748", "ixi"), help="72 skull-stripped T1w, or 581 whole heads")
    command.add_argument("-o", "--output", type=Path, metavar="DIR", help="default: data/raw/NAME")
    command.add_argument("--url", help="address of a mirror with the same files below it")

    about = known.add_parser("cohort", help="look at a cohort", description="Look at a cohort.")
    about = about.add_subparsers(required=True, metavar="COMMAND")
    help = "count a cohort's scans and name what is missing; exit status 1 where that is not as expected"
    command = about.add_parser("check", help=help, description=help[0].upper() + help[1:] + ".")
    command.set_defaults(function=commands.check_cohort)
    command.add_argument("name", metavar="NAME", help="a name under cohorts in the params file")
    add_params(command)

    command = add("scans", commands.list_scans, "list what lies in the cohorts' sources, for the pipeline to depend on")
    add_params(command)

    command = add("prepare", commands.prepare, "turn a cohort's scans into data/prepared/COHORT")
    command.add_argument("cohort", help="a name under cohorts in the params file")
    add_params(command)

    command = add("train", commands_train.train, "train an experiment, or go on with it, into models/COHORT/MODEL")
    command.add_argument("experiment", help="a name under experiments in the params file")
    add_params(command)

    command = add("watch", commands_train.watch, "follow a training: losses and samples, until it ends")
    command.add_argument("experiment", help="a name under experiments in the params file")
    help = "hand them to TensorBoard, below this folder, instead of drawing losses.png"
    command.add_argument("--tensorboard", type=Path, metavar="DIR", help=help)
    add_params(command)

    command = add(
        "features", commands_train.features, "train the feature network that the evaluation of a cohort rests on"
    )
    command.add_argument("cohort", help="a name under cohorts in the params file")
    add_params(command)
    add_device(command)

    command = add(
        "evaluate", commands.evaluate, "measure a cohort's trained models, or a folder that any generator filled"
    )
    command.usage = (
        "alphagan evaluate COHORT [--params PARAMS]\n"
        "       alphagan evaluate COHORT --generated DIR -o DIR [--params PARAMS] [options]\n"
        "       alphagan evaluate --real DIR --generated DIR [--train DIR] -o DIR [options]"
    )
    command.add_argument("cohort", nargs="?", metavar="COHORT", help="a name under cohorts in the params file")
    command.add_argument("--params", type=Path, help="of the cohort (default: params.yaml)")
    folders = command.add_argument_group("folders of NIfTI; writes report.html and metrics.json")
    folders.add_argument(
        "--real",
        type=Path,
        metavar="DIR",
        help="real scans, skull-stripped; not with a COHORT, whose held-out people they are",
    )
    folders.add_argument("--generated", type=Path, metavar="DIR", help="generated volumes")
    help = "what the generator was trained on: other people than in --real; without it, its memory is not audited"
    folders.add_argument("--train", type=Path, metavar="DIR", help=help)
    folders.add_argument("-o", "--output", type=Path, metavar="DIR", help="new or empty folder")
    help = "side of the cubes that are compared (default: that of generated cubes, else 64)"
    folders.add_argument("--size", type=positive, help=help)
    folders.add_argument("--fit", choices=("stretch", "pad"), help="how brains fill their cubes (default: stretch)")
    help = "of real and training scans, such as 'sub-{subject}_T1w.nii.gz'; default: what their names are known to tell"
    folders.add_argument("--pattern", help=help)
    folders.add_argument("--train-pattern", metavar="PATTERN", help="of training scans, where it is another")
    help = "equal names in --real and --train are different people, as where both are numbered from 0"
    folders.add_argument("--different-people", action="store_true", default=None, help=help)
    folders.add_argument("--generated-pattern", metavar="PATTERN", help="of generated volumes, '{subject}.nii.gz'")
    help = "of generated volumes: what is not above it is background (default: found)"
    folders.add_argument("--background", type=float, metavar="VALUE", help=help)
    help = "of the stored axes of generated volumes, such as LPS (default: what their headers say)"
    folders.add_argument("--orientation", metavar="AXES", help=help)
    folders.add_argument("--modality", help="of the scans; decides which anatomy can be told (default: T1w)")
    folders.add_argument("--med3d", metavar="FILE", help="resnet_50_23dataset.pth, for metrics on its features too")
    folders.add_argument("--seed", type=int, help="of what is random (default: 2019, or the cohort's evaluate.seed)")
    folders.add_argument("--device", help="torch device of feature networks, such as cuda (default: cpu)")

    command = add("audit", commands.audit, "look for what a cohort's models remember of their training scans")
    command.add_argument("cohort", help="a name under cohorts in the params file")
    add_params(command)

    command = add("utility", commands.utility, "test whether generated brains help to read the age of real people")
    command.add_argument("cohort", nargs="?", help="a name under cohorts in the params file (default: its only one)")
    command.add_argument("--only-seed", type=int, metavar="I", help="from 0: so that several processes can share them")
    add_params(command)

    command = add("lesions", commands.lesions, "count strokes or tumours in people and in what models make")
    command.add_argument("cohort", help="a name under cohorts in the params file; T1w, T2w or FLAIR")
    help = "another prepared cohort, of people without, who say how unlike the other one side may be"
    command.add_argument("--healthy", metavar="COHORT", help=help)
    add_params(command)

    add_commands(add)

    command = add("bench", commands.bench, "time a training step against the textbook one")
    command.add_argument("--size", type=positive, default=64, help="side of the cube (default: %(default)s)")
    command.add_argument("--batch", type=positive, default=4, help="volumes per batch (default: %(default)s)")
    command.add_argument("--repeats", type=positive, default=3, help="timed rounds (default: %(default)s)")
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    command.add_argument("--only-step", action="store_true", help="leave out preparation, metrics and data path")

    command = add("plan", commands.plan, "estimate parameters, arithmetic, memory and time of a training")
    command.add_argument("--size", type=positive, default=64, help="side of the cube (default: %(default)s)")
    command.add_argument("--batch", type=positive, default=4, help="volumes of all devices (default: %(default)s)")
    command.add_argument("--gpus", type=positive, default=1, help="devices (default: %(default)s)")
    command.add_argument("--iterations", type=positive, default=12000, help="default: %(default)s")
    command.add_argument("--precision", choices=("float32", "bf16"), default="float32", help="default: %(default)s")
    command.add_argument("--checkpoint-activations", action="store_true", help="compute activations twice")
    command.add_argument(
        "--critic-norm", choices=("batch", "group", "none"), default="batch", help="default: %(default)s"
    )
    command.add_argument("--z-dim", type=positive, default=1000, help="length of the code (default: %(default)s)")
    command.add_argument("--width", type=float, default=1.0, help="multiplier of channels (default: %(default)s)")
    help = "hidden units of the code critic (default: %(default)s)"
    command.add_argument("--code-units", type=positive, default=4096, help=help)
    command.add_argument("--tflops", type=float, help="rate of each device; default: measured on this processor")

    command = add("repro", commands.repro, "run the pipeline as `dvc repro` does, independent stages side by side")
    command.add_argument("--jobs", type=positive, default=2, help="stages at a time (default: %(default)s)")

    add_away(known)

    command = add("collect", commands.collect, "put the metrics of every cohort into reports/metrics.json")
    add_params(command)

    command = add("strip", commands.strip, "copy notebooks without outputs, for the pipeline to depend on")
    command.add_argument("source", type=Path, help="folder of notebooks")
    command.add_argument("target", type=Path, help="folder of the copies")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    status : int
        0 is success, 2 bad input, 1 a failed computation or a cohort that is not as expected, 130 Ctrl-C.
    """
    args = _parser().parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):  # not where a test or a notebook collects what is said
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be anything
    try:
        status = args.function(args) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # of `| head`, which has read enough; nothing is left to be flushed at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (InputError, FloatingPointError, KeyboardInterrupt) as error:
        if args.debug:
            raise
        interrupted = isinstance(error, KeyboardInterrupt)  # at any moment, while a command's imports load too
        if os.environ.get("LOCAL_RANK", "0") == "0":  # of processes that train together, one on every machine speaks
            print("alphagan: interrupted" if interrupted else f"alphagan: error: {error}", file=sys.stderr)
        return 130 if interrupted else 2 if isinstance(error, InputError) else 1


if __name__ == "__main__":
    sys.exit(main())
