"""What the commands do that use a finished run: thin wrappers, as those in `alphagan.workbench.commands`."""

import sys
from pathlib import Path

from alphagan.errors import InputError


def sample(args) -> None:
    """Write generated brains."""
    from alphagan.generation.nifti import write_samples

    write_samples(_run(args), args.n, args.output, args.seed, args.weights, args.force)
    print(args.output)


def reconstruct(args) -> int:
    """Write reconstructions of scans, or of a prepared cohort; 1 if a scan cannot be used."""
    from alphagan.generation.reconstruction import write_reconstructions, write_scan_reconstructions
    from alphagan.settings.paths import Paths
    from alphagan.volumes.prepared import Volumes

    if args.scans and (args.split or args.prepared):
        raise InputError("--split, --prepared: of a prepared cohort; leave them out where scans are named")
    if not args.scans and (args.params):
        raise InputError("--params: of scans; name some, or leave it out")
    run, refused = _run(args), {}
    if args.scans:
        cube = _how_prepared(run, args.params)
        refused, noted = write_scan_reconstructions(run, args.scans, args.output, cube)
        for scan, note in noted.items():
            print(f"note: {scan}: {note}", file=sys.stderr)
        for reason in refused.values():
            print(f"left out: {reason}", file=sys.stderr)
    else:
        volumes = Volumes(args.prepared or Paths().prepared(run.settings.cohort))
        write_reconstructions(run, volumes, args.output, args.split or "test")
    print(args.output)
    return int(bool(refused))


def _run(args):
    from alphagan.generation.device import usable
    from alphagan.generation.load import load

    return load(args.run, usable(args.device))


def _how_prepared(run, params: Path | None):
    from alphagan.generation.reconstruction import how_prepared
    from alphagan.settings.config import load

    return how_prepared(run, load(params).prepare.cube if params else None)
