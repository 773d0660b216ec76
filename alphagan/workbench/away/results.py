"""Slice after slice until everything is done: here, or by a command that runs one of them elsewhere."""

import contextlib
import subprocess
import sys
from pathlib import Path

from alphagan.errors import InputError
from alphagan.files import temporary_folder
from alphagan.settings.paths import Paths
from alphagan.workbench.away import archive
from alphagan.workbench.away.pack import alone, pack, ready, unpack
from alphagan.workbench.away.piece import LOOK, Slice, say, told_to_stop
from alphagan.workbench.away.steps import MEASURED, Work


def results(params: Path, paths: Paths, minutes: float, command: str | None = None) -> int:
    """Pack, run a slice, bring back, until nothing is left.

    Parameters
    ----------
    params : Path
        A preset, or any params file.
    paths : Paths
        Where results go.
    minutes : float
        Of a slice on this machine.
    command : str, optional
        Of the shell: reads the archive that goes there from its standard input, runs one slice, and writes the archive
        that comes back to its standard output. Without it slices run on this machine, in temporary folders.

    Returns
    -------
    status : int
        0, or that of a step that failed.

    Raises
    ------
    InputError
        If the params file or a cohort is at fault, a slice failed, or one brought nothing further.
    """
    work = ready(params, paths)
    with told_to_stop() as asked:
        while work.left():
            if asked:
                say("stopped; the same command goes on")
                return 128 + asked[0]
            before = work.progress()
            _slice(work, command, minutes, asked)
            if work.progress() == before and not asked:
                return _rest(work, params)
    say(f"all is done: {paths.root / 'models'}, {paths.reports()}")
    return 0


def _slice(work: Work, command: str | None, minutes: float, asked: list[int]) -> None:
    """One slice, from packing to unpacking; what it has comes back even if it failed, or is to stop."""
    with temporary_folder("alphagan-away-") as folder:
        there, back = folder / "away.tar.gz", folder / "back.tar"
        pack(work, there)
        say(f"{len(work.left())} of {len(work.steps())} steps are left; {there.stat().st_size / 1e6:.1f} MB go there")
        status = _elsewhere(command, there, back) if command else _here(folder / "slice", there, back, minutes, asked)
        if back.exists() and back.stat().st_size:
            for note in unpack(back, work.paths):
                say(f"note: {note}")
    if status and not asked:
        raise InputError(f"the slice ended with exit status {status}, see above; what came back is in its place")


def _elsewhere(command: str, there: Path, back: Path) -> int:
    with open(there, "rb") as source, open(back, "wb") as target:
        return subprocess.run(command, shell=True, stdin=source, stdout=target).returncode


def _here(folder: Path, there: Path, back: Path, minutes: float, asked: list[int]) -> int:
    """A slice as on another machine, which is told to stop when this process is."""
    folder.mkdir()
    archive.extract(there, folder)
    words = ["away", "run", "--minutes", str(minutes), "-o", str(back)]
    command = [sys.executable, "-m", "alphagan.workbench.away.child", *words]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        while child.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(LOOK)
            if asked:
                child.terminate()
    return child.returncode


def _rest(work: Work, params: Path) -> int:
    """Do here what slices get no further with: evaluations that take longer than one, or lack a package there."""
    left = work.left()
    if any(step.kind not in MEASURED for step in left):
        raise InputError(f"{left[0].name}: a slice brought it no further; give it more minutes, or checkpoint sooner")
    say("the rest is done here, without a limit of time")
    with alone(work.paths):
        return Slice(work, params).work_until() or int(bool(work.left()))
