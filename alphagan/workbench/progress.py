"""What a person sees of the pipeline: stages as they start and end, the time left, and in the end where to look."""

import shutil
import sys
import textwrap
import threading
from pathlib import Path

from alphagan.workbench.timetable import Timetable, words

EVERY = 60.0  # seconds between lines about what is under way, in a log; a twentieth of the run where that is longer
LOOK_AT = {
    "the paper's table": "reports/figures/paper/*.md",
    "the paper's figures": "reports/figures/paper/*.png",
    "notebooks, as they ran": "reports/notebooks/*.ipynb",
    "every number": "reports/metrics.json",
    "what the models remember of their training scans": "reports/audit/*.json",
    "models, for `alphagan info models/COHORT/MODEL` and others": "models/[!.]*",
}
SET_UP = Path(sys.prefix, ".alphagan-installed")  # the Makefile writes the seconds that it took into it


class Progress:
    """Lines on stdout, and below them on a terminal one that changes, with what is under way.

    Parameters
    ----------
    timetable : Timetable
    jobs : int
        Stages at a time.
    n_stages : int
        Of the whole pipeline, those that are up to date among them.
    log : path
        Where everything that stages say is written.
    """

    def __init__(self, timetable: Timetable, jobs: int, n_stages: int, log: Path):
        self.timetable, self.jobs, self.n_stages, self.log = timetable, jobs, n_stages, log
        self.terminal, self.drawing = sys.stdout.isatty(), threading.RLock()
        self.under_way: dict[str, str] = {}
        self.spoke = 0.0

    def __enter__(self) -> "Progress":
        n, same = len(self.timetable.graph), self.n_stages - len(self.timetable.graph)
        if n:
            rest = f", {same} {'is' if same == 1 else 'are'} up to date" if same else ""
            self.say(f"{_count(n)} to run, {self.jobs} at a time{rest}; everything they say: {self.log}")
        else:
            self.say(f"up to date: nothing to run of {_count(self.n_stages)}")
        return self

    def __exit__(self, *_) -> None:
        self._clear()

    def say(self, line: str) -> None:
        """Print a line that stays."""
        with self.drawing:
            self._clear()
            print(line, flush=True)

    def begin(self, stage: str) -> None:
        """Tell that a stage starts."""
        with self.drawing:
            self.timetable.begin(stage)
            self.under_way[stage] = words(stage)
            self._at(f"start  {words(stage)}")

    def advance(self, stage: str, done: int, total: int) -> None:
        """Take note of how far a training is; `tick` shows it."""
        with self.drawing:
            self.timetable.advance(stage, done / total)
            self.under_way[stage] = f"{words(stage)}, iteration {done} of {total}"

    def end(self, stage: str, status: int, core_seconds: float, unchanged: bool, last: list[str]) -> None:
        """Tell that a stage has ended, and if it failed what it said last."""
        with self.drawing:
            self.under_way.pop(stage)
            seconds = spell(self.timetable.end(stage, status, core_seconds, unchanged))
            if status:
                self._at(f"FAILED {words(stage)}, after {seconds}, exit status {status}; it said last:")
                self.say(textwrap.indent("\n".join(last), "    "))
                self.say(f"  everything that {stage} said: {self.log}")
                return
            self.timetable.keep()
            how = "is up to date" if unchanged else f"took {seconds}"
            self._at(f"end    {words(stage)} {how}; {self._so_far()}")

    def tick(self) -> None:
        """Show what is under way: at once on a terminal, now and then in a log."""
        with self.drawing:
            if not self.under_way:
                return
            elapsed = self.timetable.elapsed
            line = f"{spell(elapsed):>13}  {self._so_far()}: {'; '.join(self.under_way.values())}"
            if self.terminal:
                width = shutil.get_terminal_size().columns - 1
                line = line if len(line) <= width else f"{line[: width - 1]}…"
                print(f"\r\x1b[K{line}", end="", flush=True)
            elif elapsed - self.spoke >= max(EVERY, elapsed / 20):
                self.spoke = elapsed
                self.say(line)

    def summary(self, status: int) -> None:
        """Tell how it ended, what took how long, and where to look."""
        table = self.timetable
        if table.spent:
            self.say(f"\n{_count(len(table.spent))} ran in {spell(table.elapsed)}:\n\n{_table(table)}")
        if status:
            left = len(table.graph) - table.n_done - len(table.failed)
            self.say(f"\nnot finished: {len(table.failed)} failed, {left} not done; the same command goes on from here")
            return
        for what, pattern in LOOK_AT.items():
            if found := sorted(Path().glob(pattern)):
                names = " ".join(path.name for path in found)
                lines = textwrap.wrap(names, 96, break_on_hyphens=False, break_long_words=False)
                self.say(f"\n{what}, in {found[0].parent}/:\n{textwrap.indent(chr(10).join(lines), '    ')}")

    def _at(self, line: str) -> None:
        self.say(f"{spell(self.timetable.elapsed):>13}  {line}")

    def _so_far(self) -> str:
        table = self.timetable
        seconds, complete = table.to_go(self.jobs)
        done = f"{table.n_done} of {_count(len(table.graph))} done"
        if table.n_done == len(table.graph) or table.failed or not seconds:
            return done
        return f"{done}, {'about' if complete else 'more than'} {spell(seconds, roughly=True)} to go"

    def _clear(self) -> None:
        if self.terminal:
            print("\r\x1b[K", end="", flush=True)


def spell(seconds: float, roughly: bool = False) -> str:
    """Write a duration as a person would: 40 s, 3 min 05 s, 2 h 10 min; roughly: 40 s, 3 min, 2 h 10 min."""
    whole = max(1, round(seconds / 10)) * 10 if roughly else round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return f"{round(whole / 60)} min" if roughly else f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(whole / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _count(n: int) -> str:
    return f"{n} stage" if n == 1 else f"{n} stages"


def _table(timetable: Timetable) -> str:
    """What each part took; its stages run beside those of others, so that the parts add up to more than the whole."""
    rows = [("part", "stages", "wall seconds", "core seconds")]
    set_up = SET_UP.read_text().strip() if SET_UP.is_file() else ""
    if set_up.isdigit():
        rows.append(("set-up, once", "", set_up, ""))
    parts = timetable.parts()
    rows += [(part, str(n), f"{wall:.0f}", f"{cores:.0f}") for part, (n, wall, cores) in parts.items()]
    n, cores = (sum(part[column] for part in parts.values()) for column in (0, 2))
    rows.append(("all stages", str(n), f"{timetable.elapsed:.0f}", f"{cores:.0f}"))
    return "\n".join(f"  {row[0]:<18}{row[1]:>7}{row[2]:>14}{row[3]:>14}" for row in rows)
