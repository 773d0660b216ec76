"""The commands of `alphagan away`, and their options."""

import argparse
import sys
from pathlib import Path

from alphagan.workbench.options_generate import add_params

MINUTES = 9.0


def minutes(text: str) -> float:
    """A length of time above zero."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def add_away(known) -> None:
    """Add `alphagan away` to the known commands."""
    help = "compute on another machine, some minutes at a time, and bring back what was made"
    about = known.add_parser("away", help=help, description=f"{help[0].upper()}{help[1:]}.")
    about = about.add_subparsers(required=True, metavar="COMMAND")

    def add(name, function, help):
        command = about.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
        command.set_defaults(function=function)
        return command

    def add_minutes(command, help):
        command.add_argument("--minutes", type=minutes, default=MINUTES, metavar="M", help=f"{help} (default: 9)")

    command = add("pack", pack, "write code, settings, cubes and the state so far as one archive")
    command.add_argument("preset", type=Path, metavar="PRESET", help="a file of presets/, or any params file")
    help = "default: %(default)s"
    command.add_argument("-o", "--output", type=Path, default=Path("away.tar.gz"), metavar="FILE", help=help)

    command = add("run", run, "work for some minutes in the folder of the unpacked archive, and write what comes back")
    add_minutes(command, "limit of the time")
    command.add_argument("-o", "--output", type=Path, default=Path("back.tar"), metavar="FILE", help=help)

    command = add("unpack", unpack, "put what came back into its places")
    command.add_argument("archive", type=Path, metavar="FILE", help="as alphagan away run wrote it")

    command = add("results", results, "pack, run and unpack until everything is done")
    command.add_argument("preset", type=Path, metavar="PRESET", help="a file of presets/, or any params file")
    help = "of the shell: archive in, one slice, archive out (default: a slice on this machine)"
    command.add_argument("--run", metavar="COMMAND", help=help)
    add_minutes(command, "of a slice on this machine")

    command = add("show", show, "write samples and figures of a cohort's finished models")
    command.add_argument("cohort", help="a name under cohorts in the params file")
    add_params(command)


def pack(args) -> None:
    """Write the archive that goes there."""
    from alphagan.settings.paths import Paths
    from alphagan.workbench.away.hardware import describe
    from alphagan.workbench.away.pack import pack, ready

    work = ready(args.preset, Paths())
    for line in describe(work):
        print(line, file=sys.stderr)
    print(pack(work, args.output))


def run(args) -> int:
    """Run one slice."""
    from alphagan.workbench.away.piece import run

    return run(Path(), args.minutes, args.output)


def unpack(args) -> None:
    """Put what came back into its places."""
    from alphagan.settings.paths import Paths
    from alphagan.workbench.away.pack import unpack

    for note in unpack(args.archive, Paths()):
        print(f"note: {note}", file=sys.stderr)


def results(args) -> int:
    """Slice after slice."""
    from alphagan.settings.paths import Paths
    from alphagan.workbench.away.results import results

    return results(args.preset, Paths(), args.minutes, args.run)


def show(args) -> None:
    """Write samples and figures."""
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.workbench.away.show import show
    from alphagan.workbench.away.steps import Work

    print(show(Work(load(args.params), Paths()), args.cohort))
