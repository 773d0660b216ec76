"""Time to go is estimated from stages of the same kind, from earlier runs and from trainings' own iterations."""

import json
from pathlib import Path

import pytest
import yaml

from alphagan.workbench.progress import spell
from alphagan.workbench.timetable import KINDS, Timetable, words

ROOT = Path(__file__).parents[2]
GRAPH = {"train@a": set(), "train@b": set(), "train@c": set(), "audit@a": {"train@a", "train@b", "train@c"}}


class Clock:
    """Stands still until `now` is set."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def make(tmp_path):
    def make(past=None, graph=GRAPH, iterations=None):
        path = tmp_path / "times.json"
        if past is not None:
            path.write_text(past if isinstance(past, str) else json.dumps(past))
        return Timetable(graph, path, Clock(), iterations)

    return make


def run(table, stage, seconds, core_seconds=0.0, **how):
    table.begin(stage)
    table.clock.now += seconds
    table.end(stage, how.get("status", 0), core_seconds, how.get("unchanged", False))


def test_nothing_is_known_at_first(make):
    assert make().to_go(2) == (0.0, False)


def test_stages_of_a_kind_take_alike(make):
    table = make()
    run(table, "train@a", 100)
    assert table.to_go(1) == (200.0, False)  # b and c; of the audit nothing is known
    assert table.to_go(2) == (100.0, False)
    table.begin("train@b")
    table.clock.now += 30
    assert table.to_go(1) == (170.0, False)
    table.clock.now += 500  # longer than was thought
    assert table.to_go(1) == (100.0, False)


def test_trainings_take_as_long_as_their_iterations(make):
    table = make(iterations={"train@a": 100, "train@b": 400, "train@c": 50})
    run(table, "train@a", 10)
    assert table.to_go(1) == (45.0, False)


def test_the_longest_chain_is_the_most_urgent(make):
    graph = {"prepare@a": set(), "prepare@b": set(), "train@a": {"prepare@a"}, "train@b": {"prepare@b"}}
    urgency = make(graph=graph, iterations={"train@a": 1000, "train@b": 6000}).urgency()
    assert sorted(urgency, key=urgency.get, reverse=True) == ["prepare@b", "train@b", "prepare@a", "train@a"]
    known = make({"train@a": 900.0, "train@b": 10.0}, graph, {"train@a": 1000, "train@b": 6000}).urgency()
    assert max(known, key=known.get) == "prepare@a"


def test_earlier_runs_are_remembered_and_scaled(make):
    table = make({"train@a": 10.0, "train@b": 20.0, "train@c": 40.0, "audit@a": 5.0})
    assert table.to_go(1) == (75.0, True)
    assert table.to_go(4) == (45.0, True)  # c, and the audit after it
    run(table, "train@a", 30)  # three times slower than then
    assert table.to_go(1) == (3 * 60.0 + 5.0, True)
    table.keep()
    assert json.loads(table.times.read_text()) == {"train@a": 30.0, "train@b": 20.0, "train@c": 40.0, "audit@a": 5.0}


def test_a_training_tells_itself_how_long_it_takes(make):
    table = make({"train@a": 1.0}, {"train@a": set()})
    table.begin("train@a")
    table.clock.now = 10.0
    table.advance("train@a", 0.5)  # goes on from a checkpoint
    assert table.to_go(1) == (0.0, True)
    table.clock.now = 20.0
    table.advance("train@a", 0.6)
    assert table.to_go(1)[0] == pytest.approx(40.0)
    table.clock.now = 30.0
    assert table.to_go(1)[0] == pytest.approx(30.0)


def test_what_did_not_run_tells_nothing(make):
    table = make()
    run(table, "train@a", 2, unchanged=True)
    run(table, "train@b", 3, status=1)
    assert table.to_go(1) == (0.0, False)
    assert (table.n_done, table.failed) == (1, {"train@b"})
    table.keep()
    assert json.loads(table.times.read_text()) == {}


@pytest.mark.parametrize("past", ["", "{", "[1]", '{"train@a": "x"}', '{"train@a": null}'])
def test_damaged_times_are_as_none(make, past):
    assert make(past).past == {}


def test_parts_count_seconds_once_and_cores_in_full(make):
    table = make()
    for stage in ("train@a", "train@b"):
        table.begin(stage)
    table.clock.now = 50.0
    table.end("train@a", 0, 40.0, False)
    table.clock.now = 80.0
    table.end("train@b", 0, 70.0, False)
    table.clock.now = 100.0
    run(table, "train@c", 10, 9.0)
    run(table, "audit@a", 5, 4.0)
    assert table.parts() == {"training": (3, 90.0, 119.0), "audit": (1, 5.0, 4.0)}


def test_words():
    assert words("train@normal-alpha_wgan_gp") == "train normal alpha_wgan_gp"
    assert words("features@my-scans") == "train the feature network of my-scans"
    assert words("strip") == "strip the notebooks"


def test_every_stage_has_words_and_a_part():
    assert set(KINDS) >= set(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])


@pytest.mark.parametrize(
    ("seconds", "exact", "rough"),
    [(0.4, "0 s", "10 s"), (44, "44 s", "40 s"), (185, "3 min 05 s", "3 min"), (7790, "2 h 10 min", "2 h 10 min")],
)
def test_durations_are_spelt(seconds, exact, rough):
    assert (spell(seconds), spell(seconds, roughly=True)) == (exact, rough)
