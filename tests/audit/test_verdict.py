"""The verdict in words says what was found, and no more."""

import pytest
import torch
from audits import N_HELD_OUT, N_TRAIN, audit, brains, people
from torch import Tensor

from alphagan.audit.auditor import Auditor
from alphagan.audit.findings import COPIES, LEAKS, LEAKS_AND_DOUBT, Finding, findings, headline, verdict
from alphagan.audit.spaces import VoxelSpace
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
