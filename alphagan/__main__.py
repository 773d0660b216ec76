"""The command line: its options, and how errors are told."""

import argparse
import os
import sys
from pathlib import Path

from alphagan import __version__
from alphagan.errors import InputError
from alphagan.workbench import commands, commands_generate


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="alphagan", description="Generate 3D brain MRI with auto-encoding GANs.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    known = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, function, help):
        command = known.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        command.set_defaults(function=function)
        return command

    def add_params(command, name=None):
        if name:
            command.add_argument(name, help=f"a name under {name}s in the params file")
        command.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")

    def add_device(command):
        command.add_argument("--device", default="cpu", help="torch device, such as cuda (default: %(default)s)")

    def add_weights(command):
        help = "moving average, raw, or moving average early in training (default: %(default)s)"
        command.add_argument("--weights", choices=("G_average", "G", "G_early"), default="G_average", help=help)

    def add_preparation(command):
        command.add_argument("--params", type=Path, help="how scans are prepared, for a run that does not tell")

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
    add_params(command, "cohort")

    command = add("train", commands.train, "train an experiment, or go on with it, into models/COHORT/MODEL")
    add_params(command, "experiment")

    command = add("features", commands.features, "train the feature network that the evaluation of a cohort rests on")
    add_params(command, "cohort")
    add_device(command)

    command = add(
        "evaluate", commands.evaluate, "measure a cohort's trained models, or a folder that any generator filled"
    )
    command.usage = (
        "alphagan evaluate COHORT [--params PARAMS]\n"
        "       alphagan evaluate --real DIR --generated DIR [--train DIR] -o DIR [options]"
    )
    command.add_argument("cohort", nargs="?", metavar="COHORT", help="a name under cohorts in the params file")
    command.add_argument("--params", type=Path, help="of the cohort (default: params.yaml)")
    folders = command.add_argument_group("folders of NIfTI, instead of a cohort; writes report.html and metrics.json")
    folders.add_argument("--real", type=Path, metavar="DIR", help="real scans, skull-stripped")
    folders.add_argument("--generated", type=Path, metavar="DIR", help="generated volumes")
    help = "what the generator was trained on: other people than in --real; without it, its memory is not audited"
    folders.add_argument("--train", type=Path, metavar="DIR", help=help)
    folders.add_argument("-o", "--output", type=Path, metavar="DIR", help="new or empty folder")
    folders.add_argument("--size", type=_positive, help="side of the cubes that are compared (default: 64)")
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
    folders.add_argument("--seed", type=int, help="of whatever is random (default: 2019)")
    folders.add_argument("--device", help="torch device of feature networks, such as cuda (default: cpu)")

    command = add("audit", commands.audit, "look for what a cohort's models remember of their training scans")
    add_params(command, "cohort")

    command = add("utility", commands.utility, "test whether generated brains help to read the age of real people")
    command.add_argument("cohort", nargs="?", help="a name under cohorts in the params file (default: its only one)")
    command.add_argument("--only-seed", type=int, metavar="I", help="from 0: so that several processes can share them")
    add_params(command)

    def add_run(name, function, help):
        command = add(name, function, help)
        help = "folder of a finished run, such as models/template/alpha_wgan_gp, or a file of alphagan export"
        command.add_argument("run", metavar="RUN", help=help)
        return command

    command = add_run("sample", commands_generate.sample, "write generated brains as NIfTI, or go on with it")
    command.add_argument("-n", type=_positive, default=8, metavar="N", help="how many (default: %(default)s)")
    command.add_argument("-o", "--output", required=True, metavar="DIR", help="folder for sample-0000.nii.gz ...")
    command.add_argument("--seed", type=int, default=0, help="sample i depends on it and on i (default: %(default)s)")
    add_weights(command)
    command.add_argument("--force", action="store_true", help="replace other samples in the folder")
    help = "as a BIDS derivative: sub-syn0000/anat/ ..., sidecars, participants.tsv, README.md"
    command.add_argument("--bids", action="store_true", help=help)
    command.add_argument("--modality", help="contrast, such as T1w, where the run does not tell, for --bids")
    help = "of people of this age, in years; sample i of a seed is the same person at any age"
    command.add_argument("--age", type=float, metavar="YEARS", help=help)
    command.add_argument("--sex", metavar="F|M", help="of women or men; both need alphagan covariates first")
    add_device(command)

    help = "fit how brains of a run depend on age and sex, for sample --age --sex, and measure how well they show it"
    command = add_run("covariates", commands_generate.covariates, help)
    command.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="for numbers and figures")
    help = "of people, with participant_id, age and sex; default: what preparation took from the cohort's covariates"
    command.add_argument("--table", type=Path, metavar="FILE", help=help)
    command.add_argument("--prepared", type=Path, metavar="DIR", help="prepared cohort (default: the run's own)")
    help = "ridge regression, as leave-one-out chooses, not least squares: false changes are fewer, true ones less"
    command.add_argument("--shrink", action="store_true", help=help)
    help = "people to generate and read from (default: %(default)s)"
    command.add_argument("-n", type=_positive, default=512, metavar="N", help=help)
    command.add_argument("--seed", type=int, default=0, help="of what is generated (default: %(default)s)")
    add_device(command)

    command = add("view", commands.view, "show volumes, or brains of a run, in three linked planes: one HTML page")
    help = "volume, folder of volumes, prepared cohort, or folder of a finished run, whose brains are generated"
    command.add_argument("sources", nargs="+", type=Path, metavar="FILE_OR_RUN", help=help)
    command.add_argument("-o", "--output", default="view.html", metavar="PAGE", help="default: %(default)s")
    help = "volumes of each run, and of each folder at most (default: %(default)s)"
    command.add_argument("-n", type=_positive, default=8, metavar="N", help=help)
    command.add_argument("--seed", type=int, default=0, help="sample i depends on it and on i (default: %(default)s)")
    help = "real scans, of which the nearest stands beside each volume (default: what a run was trained on)"
    command.add_argument("--real", metavar="COHORT_OR_DIR", help=help)
    command.add_argument("--names", action="store_true", help="put names of files and people into the page")
    command.add_argument("--force", action="store_true", help="replace the page if it is there")

    help = "write G(E(x)) of scans as NIfTI on their own grids, or of a prepared cohort in scanner space"
    command = add_run("reconstruct", commands_generate.reconstruct, help)
    command.usage = (
        "alphagan reconstruct RUN SCAN [SCAN ...] -o DIR [--params PARAMS]\n"
        "       alphagan reconstruct RUN -o DIR [--split SPLIT] [--prepared DIR]"
    )
    help = "skull-stripped scans, NIfTI or MGZ, prepared as the run's own; without any, those of its prepared cohort"
    command.add_argument("scans", nargs="*", type=Path, metavar="SCAN", help=help)
    command.add_argument("-o", "--output", required=True, metavar="DIR", help="new folder for NAME_rec.nii.gz ...")
    add_preparation(command)
    command.add_argument("--split", choices=("train", "val", "test"), help="of a prepared cohort (default: test)")
    command.add_argument("--prepared", type=Path, metavar="DIR", help="prepared cohort (default: the run's own)")
    add_device(command)

    help = "walk from one brain to another: a series of NIfTI and a moving picture, walk.gif"
    command = add_run("interpolate", commands_generate.interpolate, help)
    help = "number of a sample, with a seed of its own as SEED:INDEX, or a skull-stripped scan, which E encodes"
    command.add_argument("--from", required=True, dest="start", metavar="INDEX|SCAN", help=help)
    command.add_argument("--to", required=True, dest="end", metavar="INDEX|SCAN", help="likewise")
    command.add_argument("-n", type=_positive, default=16, metavar="N", help="how many (default: %(default)s)")
    command.add_argument("-o", "--output", required=True, metavar="DIR", help="new folder for step-0000.nii.gz ...")
    command.add_argument("--seed", type=int, default=0, help="of samples (default: %(default)s)")
    add_weights(command)
    add_preparation(command)
    add_device(command)

    command = add_run("info", commands_generate.info, "say what a run is, in a dozen lines")
    command.add_argument("--json", action="store_true", help="print JSON instead")

    help = "write the model card of a run, from its configuration, metrics and audit"
    command = add_run("card", commands_generate.card, help)
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="Markdown (default: print it)")

    help = "write a run as one .safetensors file that describes itself, for alphagan sample and alphagan.load"
    command = add_run("export", commands_generate.export, help)
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="ends in .safetensors")
    command.add_argument("--all", action="store_true", help="every network, not G's moving average alone")

    command = add("bench", commands.bench, "time a training step against the textbook one")
    command.add_argument("--size", type=_positive, default=64, help="side of the cube (default: %(default)s)")
    command.add_argument("--batch", type=_positive, default=4, help="volumes per batch (default: %(default)s)")
    command.add_argument("--repeats", type=_positive, default=3, help="timed rounds (default: %(default)s)")
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    command.add_argument("--only-step", action="store_true", help="leave out preparation, metrics and data path")

    command = add("plan", commands.plan, "estimate parameters, arithmetic, memory and time of a training")
    command.add_argument("--size", type=_positive, default=64, help="side of the cube (default: %(default)s)")
    command.add_argument("--batch", type=_positive, default=4, help="volumes of all devices (default: %(default)s)")
    command.add_argument("--gpus", type=_positive, default=1, help="devices (default: %(default)s)")
    command.add_argument("--iterations", type=_positive, default=12000, help="default: %(default)s")
    command.add_argument("--precision", choices=("float32", "bf16"), default="float32", help="default: %(default)s")
    command.add_argument("--checkpoint-activations", action="store_true", help="compute activations twice")
    norms = ("batch", "group", "none")
    command.add_argument("--critic-norm", choices=norms, default="batch", help="default: %(default)s")
    command.add_argument("--z-dim", type=_positive, default=1000, help="length of the code (default: %(default)s)")
    command.add_argument("--width", type=float, default=1.0, help="multiplier of channels (default: %(default)s)")
    command.add_argument("--tflops", type=float, help="rate of each device; default: measured on this processor")

    command = add("repro", commands.repro, "run the pipeline as `dvc repro` does, independent stages side by side")
    command.add_argument("--jobs", type=_positive, default=2, help="stages at a time (default: %(default)s)")

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
        return args.function(args) or 0
    except (InputError, FloatingPointError, KeyboardInterrupt) as error:
        if args.debug:
            raise
        interrupted = isinstance(error, KeyboardInterrupt)  # at any moment, while a command's imports load too
        if os.environ.get("LOCAL_RANK", "0") == "0":  # of processes that train together, one on every machine speaks
            print("alphagan: interrupted" if interrupted else f"alphagan: error: {error}", file=sys.stderr)
        return 130 if interrupted else 2 if isinstance(error, InputError) else 1


if __name__ == "__main__":
    sys.exit(main())
