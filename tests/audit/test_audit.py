"""The memorisation audit as a whole: what it finds among copies and new people."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from audits import N_HELD_OUT, N_NEW, N_TRAIN, audit, brains, people, power

from alphagan.audit.controls import NOISE_SD, copies
from alphagan.audit.findings import findings, verdict
from alphagan.audit.repeats import Repeats
from alphagan.audit.search import Search
from alphagan.audit.spaces import VoxelSpace, shifted
from alphagan.errors import InputError
from alphagan.preparation.prepare import prepare
from alphagan.settings.config import load, parse
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes


def test_copies_are_disguised_as_they_say():
    x = brains(40)
    found = {(copy.kind, copy.level): copy.volumes for copy in copies(x, seed=4)}
    assert torch.equal(found["exact", 0], x) and torch.equal(found["flipped", 0], x.flip(1))
    torch.testing.assert_close(found["rescaled", 0] + 1, 0.85 * (x + 1))
    for kind, level in found:
        assert found[kind, level].abs().max() <= 1 and found[kind, level].shape == x.shape
    for level in NOISE_SD[:2]:
        change = (found["noise", level] - x)[(x > -0.7) & (x < 0.7)]
        assert change.std().item() == pytest.approx(level, rel=0.05)
        assert torch.equal(found["noise", level][x == -1], x[x == -1])
    moves = [(axis, step) for axis in (1, 2, 3) for step in (-1, 1)]
    for copy, scan in zip(found["shifted", 0], x, strict=True):
        assert sum(torch.equal(shifted(scan[None], axis, step)[0], copy) for axis, step in moves) == 1
    again = {(copy.kind, copy.level): copy.volumes for copy in copies(x, seed=4)}
    assert all(torch.equal(found[key], again[key]) for key in found)


def test_plain_copies_are_found_and_new_people_are_not(found):
    comparison = found["new"].comparisons["voxels"]
    assert [power(comparison, kind) for kind in ("exact", "flipped", "rescaled")] == [[1], [1], [1]]
    criterion = comparison.criteria["relative"]
    assert criterion.false_positives.value <= 0.05 and criterion.training.value <= 0.1
    assert criterion.flagged.low <= 0.05
    by_noise = power(comparison, "noise")
    assert len(by_noise) == len(NOISE_SD) and by_noise[0] == 1 and by_noise[-1] < 0.5
    assert all(np.diff(by_noise) <= 0.06)  # falls with the noise, but for a copy of 30


def test_a_copy_is_found_by_any_scan_of_its_person(subjects):
    train, held_out, new = subjects
    twice, labels = torch.cat([train, train]), (2 * people("t", N_TRAIN), people("h", N_HELD_OUT))
    comparison = audit(twice, labels[0], held_out, labels[1], new, [VoxelSpace(twice)]).comparisons["voxels"]
    assert [power(comparison, kind) for kind in ("exact", "flipped", "rescaled")] == [[1], [1], [1]]


def test_every_slipped_copy_is_listed_with_its_original(found):
    comparison = found["slipped"].comparisons["voxels"]
    first = {pair.generated: (pair.scan, pair.mirrored, pair.strict) for pair in comparison.pairs[:3]}
    assert first == {3: (5, False, True), 10: (20, True, True), 12: (29, False, True)}
    assert all(pair.relative < comparison.criteria["relative"].threshold.value for pair in comparison.pairs)
    assert len(comparison.pairs) == round(comparison.criteria["relative"].flagged.value * N_NEW)
    assert comparison.copied_training.value >= 3 / N_TRAIN


def test_an_average_is_near_to_all_and_a_copy_of_none(subjects):
    """A threshold on the correlation of whole brains calls it a copy."""
    train, held_out, new = subjects
    generator = torch.Generator().manual_seed(1)
    averages = torch.stack([new[torch.randperm(N_NEW, generator=generator)[:8]].mean(0) for _ in range(8)])
    labels = people("t", N_TRAIN), people("h", N_HELD_OUT)
    spaces = [VoxelSpace(train), VoxelSpace(train, centred=False)]
    found = audit(train, labels[0], held_out, labels[1], averages, spaces, n_copies=2)
    flagged = {
        name: [found.comparisons[space.name].criteria[name].flagged.value for space in spaces]
        for name in ("relative", "distance")
    }
    assert flagged["distance"][1] >= 0.4 and max(flagged["relative"]) == 0
    texts = [finding.text for finding in findings(found)]
    assert any("Blur and averaging do that" in text for text in texts)


def test_results_are_plain_numbers(found):
    content = json.loads(json.dumps(found["slipped"].as_dict()))
    space = content["spaces"]["voxels"]
    assert {pair["generated"] for pair in space["pairs"][:3]} == {3, 10, 12} and "held_out" not in space
    assert space["pairs"][0]["strict"] is True and content["n_held_out"] == N_HELD_OUT
    assert set(space["criteria"]["relative"]["flagged"]) == {"value", "low", "high", "n"}


def test_bad_input_is_named(subjects):
    train, held_out, new = subjects
    t, h = people("t", N_TRAIN), people("h", N_HELD_OUT)
    spaces = [VoxelSpace(train)]
    with pytest.raises(InputError, match="t3 is among the training people"):
        audit(train, t, held_out, ["t3", *h[1:]], new, spaces)
    with pytest.raises(InputError, match=r"train_people: shape \(29,\) for 30 volumes; give one"):
        audit(train, t[1:], held_out, h, new, spaces)
    with pytest.raises(InputError, match="held-out people: 1, but the audit needs 2"):
        audit(train, t, held_out, [f"h{i % 1}" for i in range(N_HELD_OUT)], new, spaces)
    with pytest.raises(InputError, match="sides of 8 and 16 voxels"):
        audit(train, t, held_out, h, new[:, :8, :8, :8], spaces)


@pytest.mark.parametrize("unknown", [None, float("nan"), "", " ", pd.NA, pd.NaT])
def test_scans_of_nobody_are_refused(unknown, subjects):
    train, held_out, new = subjects
    t, h = people("t", N_TRAIN), people("h", N_HELD_OUT)
    with pytest.raises(InputError, match="^train_people: a volume without a label; say whom it shows$"):
        audit(train, [unknown, *t[1:]], held_out, h, new)
    with pytest.raises(InputError, match="^held_out_people: a volume without a label; say whom it shows$"):
        audit(train, t, held_out, pd.Series([*h[1:], unknown], dtype=object), new)


def test_numbers_and_text_name_the_same_people(subjects):
    train, held_out, new = subjects
    as_bytes = np.array([str(i) for i in range(29, 53)], dtype="S")
    for others in ([str(i) for i in range(29, 53)], np.arange(29, 53), np.arange(29.0, 53), as_bytes):
        for of_train in (list(range(30)), np.arange(30.0), [str(i) for i in range(30)], [f"{i} " for i in range(30)]):
            with pytest.raises(InputError, match="held_out: 29 is among the training people too"):
                audit(train, of_train, held_out, others, new)


def test_volumes_that_repeat_each_other_are_one_finding(subjects):
    """A generator that collapsed to one brain, which happens to lie near to a training scan, made no n copies."""
    train, held_out, new = subjects
    collapsed = torch.cat([train[:1].repeat(20, 1, 1, 1), new[:2]])
    found = audit(train, people("t", N_TRAIN), held_out, people("h", N_HELD_OUT), collapsed, n_copies=2)
    criterion = found.comparisons["voxels"].criteria["relative"]
    assert (found.n_generated, found.n_distinct, criterion.flagged.n) == (22, 3, 3)
    grain = 1e-6 * torch.randn(collapsed.shape, generator=torch.Generator().manual_seed(0))
    assert Repeats(train).distinct(collapsed + grain).size == 3  # though 8 bits tell some apart
    assert "no sign of memorisation" not in verdict(found)
    assert [pair.generated for pair in found.comparisons["voxels"].pairs] == [0]
    assert "22 generated volumes, 3 of them distinct, were" in verdict(found)


def test_the_numbers_for_a_table_are_those_of_the_whole_comparison(subjects):
    train, held_out, new = subjects
    search = Search(VoxelSpace(train), train, people("t", N_TRAIN), held_out, n_copies=2)
    whole, short = search.compare(new), search.measure(new)
    assert short.pop("brain_like") == search.likeness.measure(new)["brain_like"]
    assert short == {"copied": whole.criteria["relative"].flagged, "authentic": whole.authentic}
    assert search.measure(train)["copied"].value == 1 and search.measure(train)["authentic"].value == 0
    expected = search.measure_held_out()["copied"]
    assert expected.value == 1 / (N_HELD_OUT + 1) and expected.n == N_HELD_OUT
    assert expected.value == pytest.approx(whole.criteria["relative"].false_positives.value, abs=0.02)
    assert expected.low < expected.value < expected.high < 0.2


@pytest.mark.data
@pytest.mark.slow
def test_copies_of_real_scans_are_found_and_held_out_people_are_not(real_scans, tmp_path):
    preset = load("presets/ixi_32.yaml").model_dump(mode="json")
    preset["cohorts"]["ixi"]["source"] = str(real_scans / "ixi")
    volumes = Volumes(prepare("ixi", parse(preset), Paths(tmp_path), progress=False))
    rows, held = volumes.rows("train"), volumes.rows("test", "val")
    train, held_out = volumes.tensor(rows)[:, 0], volumes.tensor(held)[:, 0]
    found = audit(
        train, volumes.people(rows), held_out, volumes.people(held), held_out, [VoxelSpace(train)], seed=2019,
        n_copies=len(train),
    )  # fmt: skip
    comparison = found.comparisons["voxels"]
    assert (len(train), found.n_held_out) == (129, 55)
    for kind in ("exact", "flipped", "rescaled"):
        assert power(comparison, kind)[0] >= 0.95
    by_noise = power(comparison, "noise")
    assert by_noise[:3] == pytest.approx([1, 1, 1], abs=0.05) and by_noise[-1] < 0.05
    criterion = comparison.criteria["relative"]
    assert criterion.false_positives.value <= 0.05
    assert criterion.training.value <= 0.05
