"""The verdict in words says what was found, and no more."""

from dataclasses import replace

import pytest
import torch
from audits import N_HELD_OUT, N_TRAIN, audit, brains, people
from torch import Tensor

from alphagan.audit.auditor import Audit, Auditor
from alphagan.audit.findings import COPIES, LEAKS, LEAKS_AND_DOUBT, Finding, findings, headline, verdict
from alphagan.audit.search import Search
from alphagan.audit.spaces import VoxelSpace
from alphagan.metrics.bootstrap import share
from alphagan.volumes.prepared import to_range, to_uint8


def test_the_verdict_says_what_was_found_and_does_not_overclaim(found):
    pages = {name: verdict(result, name) for name, result in found.items()}
    assert "**Copies of training scans were found" in pages["slipped"] and "- **alarm**: In voxels" in pages["slipped"]
    assert "Copies of training scans were found" not in pages["new"]
    for page in pages.values():
        assert "**Passing is not a privacy guarantee.**" in page
        assert "16 generated volumes were compared with 30 training scans of 30 people. 24 held-out" in page
        assert "| injected copies found, rescaled | 1 [0.884, 1] |" in page
        assert "Only 16 distinct volumes were generated for 30" in page
        assert len(page.split()) < 600


@pytest.mark.parametrize("disguise", [Tensor.clone, lambda x: x.flip(1), lambda x: to_range(to_uint8(0.85 * x - 0.15))])
def test_one_exact_copy_among_many_is_no_chance(disguise):
    train, held_out, new = brains(110).split([30, 24, 56])
    auditor = Auditor(train, people("t", 30), held_out, people("h", 24), n_copies=2)
    slipped = torch.cat([new, disguise(train[:1])])
    clear, copied = (verdict(auditor.audit(generated)) for generated in (new, slipped))
    assert "no sign of memorisation" in clear and "for rounding" not in clear
    assert f"**{COPIES}" in copied and " 1 of the volumes are training scans, but for rounding" in copied


def shares(n_flagged, n_strict, n_training):
    """What an audit of fifty volumes says, of which so many are flagged, and so many of a hundred training scans."""
    voxels = VoxelSpace(brains(30))
    search = Search(voxels, brains(30), people("t", 30), brains(54)[30:], n_copies=2)
    comparison = search.compare(brains(104)[54:])
    criterion = comparison.criteria["relative"]
    changed = replace(
        criterion,
        flagged=share(n_flagged, 50),
        strictly_flagged=share(n_strict, 50),
        training=share(n_training, 100),
        chance=criterion.threshold.chance(n_flagged, 50),
    )
    found = replace(comparison, pairs=(), criteria=comparison.criteria | {"relative": changed})
    return [
        finding
        for finding in findings(Audit({"voxels": found}, {}, 30, 30, 24, 50, 50))
        if "single out" in finding.text
    ]


@pytest.mark.parametrize(
    ("n_flagged", "n_strict", "n_training", "grade"),
    [
        (2, 0, 5, "clear"),
        (12, 0, 5, "alarm"),
        (12, 0, 15, "look"),
        (12, 0, 7, "alarm"),
        (8, 0, 8, "look"),
        (25, 0, 15, "alarm"),
        (6, 4, 5, "alarm"),
        (6, 4, 7, "alarm"),
        (8, 4, 15, "look"),
        (30, 20, 15, "alarm"),
    ],
)
def test_what_training_scans_do_as_often_is_no_proof_of_copies(n_flagged, n_strict, n_training, grade):
    """Held-out people who are unlike those of training set a threshold that other people of training pass too."""
    (said,) = shares(n_flagged, n_strict, n_training)
    assert said.grade == grade
    assert ("hold out people at random" in said.text) == (grade == "look")


def test_membership_findings_grade_the_leak(subjects):
    train, held_out, new = subjects
    labels = people("t", N_TRAIN), people("h", N_HELD_OUT)
    known = {volume.numpy().tobytes() for volume in train}
    attacks = {
        "a memory": lambda x: torch.tensor([float(v[0].numpy().tobytes() in known) for v in x]),
        "nothing": lambda x: torch.zeros(len(x)),
    }
    found = audit(train, labels[0], held_out, labels[1], new, [VoxelSpace(train)], attacks, n_copies=2)
    assert found.membership["a memory"].value == 1
    nothing = found.membership["nothing"]
    assert (nothing.value, nothing.n) == (0.5, N_HELD_OUT) and nothing.low == pytest.approx(nothing.high)
    grades = {f.text.split(" with an AUC")[0].rsplit("from ")[-1]: f.grade for f in findings(found) if "AUC" in f.text}
    assert grades == {"a memory": "alarm", "nothing": "clear"}


def test_a_leak_of_membership_is_not_called_copying():
    leak, look, clear = Finding("alarm", "", of_copies=False), Finding("look", ""), Finding("clear", "")
    assert headline([clear, leak]) == LEAKS and headline([clear, leak, look]) == LEAKS_AND_DOUBT
    assert headline([leak, Finding("alarm", "")]) == COPIES
    assert "deserve a look" in headline([clear, look]) and "no sign" in headline([clear])


def test_few_held_out_people_set_a_higher_level_that_is_stated(subjects):
    train, held_out, new = subjects
    found = audit(train, people("t", N_TRAIN), held_out[:12], people("h", 12), new, n_copies=2)
    criterion = found.comparisons["voxels"].criteria["relative"]
    assert criterion.threshold.level == 1 / 12 and criterion.threshold.n == 12
    assert criterion.false_positives.value <= 1 / 12 + 1e-9
    assert "8.33 % of new people at most" in verdict(found)


def test_three_held_out_people_are_enough_to_run_and_too_few_to_clear(subjects):
    train, held_out, new = subjects
    found = audit(train, people("t", N_TRAIN), held_out[:3], people("h", 3), new, n_copies=2)
    assert found.level == 1 / 3
    assert "Only 3 people are held out" in verdict(found) and "no sign of memorisation" not in verdict(found)
