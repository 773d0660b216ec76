"""Options of the commands that use a finished run, and those that they share with other commands."""

import argparse
from collections.abc import Callable
from pathlib import Path

from alphagan.workbench import commands, commands_generate

Add = Callable[..., argparse.ArgumentParser]  # (name, function, help)


def positive(text: str) -> int:
    """A number of things, at least one."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def add_params(command: argparse.ArgumentParser) -> None:
    """The file that tells everything."""
    command.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")


def add_device(command: argparse.ArgumentParser) -> None:
    """Where networks compute."""
    command.add_argument("--device", default="cpu", help="torch device, such as cuda (default: %(default)s)")


def _add_weights(command: argparse.ArgumentParser) -> None:
    help = "moving average, raw, or moving average early in training (default: %(default)s)"
    command.add_argument("--weights", choices=("G_average", "G", "G_early"), default="G_average", help=help)


def _add_preparation(command: argparse.ArgumentParser) -> None:
    command.add_argument("--params", type=Path, help="how scans are prepared, for a run that does not tell")


def add_commands(add: Add) -> None:
    """Add the commands that use a finished run, by a function that adds one."""

    def add_run(name, function, help):
        command = add(name, function, help)
        help = "folder of a finished run, such as models/template/alpha_wgan_gp, or a file of alphagan export"
        command.add_argument("run", metavar="RUN", help=help)
        return command

    command = add_run("sample", commands_generate.sample, "write generated brains as NIfTI, or go on with it")
    command.add_argument("-n", type=positive, default=8, metavar="N", help="how many (default: %(default)s)")
    command.add_argument("-o", "--output", required=True, metavar="DIR", help="folder for sample-0000.nii.gz ...")
    command.add_argument("--seed", type=int, default=0, help="sample i depends on it and on i (default: %(default)s)")
    _add_weights(command)
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
    help = "of people, with participant_id, age and sex (default: the cohort's covariates in the params file)"
    command.add_argument("--table", type=Path, metavar="FILE", help=help)
    add_params(command)
    command.add_argument("--prepared", type=Path, metavar="DIR", help="prepared cohort (default: the run's own)")
    help = (
        "ridge regression instead of least squares, as leave-one-out chooses: false changes are fewer, true ones less"
    )
    command.add_argument("--shrink", action="store_true", help=help)
    help = "people to generate and read from, rounded up to as many for each held-out one (default: %(default)s)"
    command.add_argument("-n", type=positive, default=512, metavar="N", help=help)
    command.add_argument("--seed", type=int, default=0, help="of what is generated (default: %(default)s)")
    add_device(command)

    command = add("view", commands.view, "show volumes, or brains of a run, in three linked planes: one HTML page")
    help = "volume, folder of volumes, prepared cohort, or folder of a finished run, whose brains are generated"
    command.add_argument("sources", nargs="+", type=Path, metavar="FILE_OR_RUN", help=help)
    command.add_argument("-o", "--output", default="view.html", metavar="PAGE", help="default: %(default)s")
    help = "volumes of each run, and of each folder at most (default: %(default)s)"
    command.add_argument("-n", type=positive, default=8, metavar="N", help=help)
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
    _add_preparation(command)
    command.add_argument("--split", choices=("train", "val", "test"), help="of a prepared cohort (default: test)")
    command.add_argument("--prepared", type=Path, metavar="DIR", help="prepared cohort (default: the run's own)")
    add_device(command)

    help = "walk from one brain to another: a series of NIfTI and a moving picture, walk.gif"
    command = add_run("interpolate", commands_generate.interpolate, help)
    help = "number of a sample, with a seed of its own as SEED:INDEX, or a skull-stripped scan, which E encodes"
    command.add_argument("--from", required=True, dest="start", metavar="INDEX|SCAN", help=help)
    command.add_argument("--to", required=True, dest="end", metavar="INDEX|SCAN", help="likewise")
    command.add_argument("-n", type=positive, default=16, metavar="N", help="how many (default: %(default)s)")
    command.add_argument("-o", "--output", required=True, metavar="DIR", help="new folder for step-0000.nii.gz ...")
    command.add_argument("--seed", type=int, default=0, help="of samples (default: %(default)s)")
    _add_weights(command)
    _add_preparation(command)
    add_device(command)

    command = add_run("info", commands_generate.info, "say what a run is, in a dozen lines")
    command.add_argument("--json", action="store_true", help="print JSON instead")

    help = "write the model card of a run, from its configuration, metrics and audit"
    command = add_run("card", commands_generate.card, help)
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="Markdown (default: print it)")
    command.add_argument("--force", action="store_true", help="replace the file if it is there")

    help = "write a run as one file that describes itself: .safetensors for alphagan sample and alphagan.load, or .onnx"
    command = add_run("export", commands_generate.export, help)
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=".safetensors or .onnx")
    command.add_argument("--force", action="store_true", help="replace the file if it is there")
    command.add_argument("--all", action="store_true", help="every network, not G's moving average alone")
