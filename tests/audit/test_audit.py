"""The memorisation audit: its numbers against independent ones, and what it finds among copies and new people."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score

from alphagan.audit import nearest as near
from alphagan.audit.auditor import Auditor
from alphagan.audit.calibration import authentic, calibrate, closer, false_positives, people_needed
from alphagan.audit.comparison import Search
from alphagan.audit.controls import NOISE_SD, copies
from alphagan.audit.findings import COPIES, LEAKS, LEAKS_AND_DOUBT, Finding, findings, headline, verdict
from alphagan.audit.membership import inversion_score, membership_auc, reconstruction_score, scores
from alphagan.audit.nearest import FeatureSpace, VoxelSpace, nearest, same_person, shifted
from alphagan.errors import InputError
from alphagan.figures.audit import distance_histograms, pair_pages, power_curves
from alphagan.metrics.bootstrap import share
from alphagan.preparation.cohorts.template import find
from alphagan.preparation.prepare import prepare
from alphagan.settings.cohorts import TemplateCohort
from alphagan.settings.config import load, parse
from alphagan.settings.paths import Paths
from alphagan.volumes.prepared import Volumes

N_TRAIN, N_HELD_OUT, N_NEW = 30, 24, 16


def pooled(scan):
    """One simulated subject at 12 mm, (16, 16, 16) in [-1, 1]."""
    volume = torch.from_numpy(np.asarray(scan.load()[0].dataobj))[None, None]
    small = torch.nn.functional.avg_pool3d(volume[..., 3:35, 3:35, 3:35], 2)[0, 0]
    return (small / 0.7).clamp(max=2) - 1


@pytest.fixture(scope="module")
def subjects():
    """Simulated subjects: to train on, held out, and new ones."""
    cohort = TemplateCohort(
        kind="template",
        source="alphagan/preparation/cohorts/template.py",
        modality="T1w",
        n_subjects=N_TRAIN + N_HELD_OUT + N_NEW,
        voxel_size_mm=6.0,
    )
    volumes = torch.stack([pooled(scan) for scan in find(cohort)])
    return volumes.split([N_TRAIN, N_HELD_OUT, N_NEW])


def audit(train, people, held_out, held_out_people, generated, spaces=(), attacks=None, **how):
    return Auditor(train, people, held_out, held_out_people, spaces, **how).audit(generated, attacks)


def people(prefix, n):
    return [f"{prefix}{number}" for number in range(n)]


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def brains(n, seed=0, side=12):
    """Random intensities inside random balls."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*3 * [np.linspace(-1, 1, side)], indexing="ij"))
    inside = (grid**2).sum(0) < rng.uniform(0.4, 0.9, (n, 1, 1, 1))
    return torch.from_numpy(np.where(inside, rng.uniform(-0.5, 1, (n, side, side, side)), -1)).float()


def naive_similarities(queries, train, centred):
    """One correlation at a time."""

    def relative(x):
        return np.where(x > -1, (x + 1) / (x + 1)[x > -1].mean(), 0)

    queries, train = ([relative(x) for x in volumes.double().numpy()] for volumes in (queries, train))
    inside = np.any([(x > 0) | (x[::-1] > 0) for x in train], axis=0)
    mean = np.mean([(x + x[::-1]) / 2 for x in train], axis=0) * centred
    return [
        [max(np.corrcoef((x - mean)[inside], (y - mean)[inside])[0, 1] for x in (q, q[::-1])) for y in train]
        for q in queries
    ]


# Nearest training scans


@pytest.mark.parametrize("centred", [True, False])
def test_similarity_is_the_correlation_of_deviations_inside_the_brain(centred, monkeypatch):
    monkeypatch.setattr(near, "BATCH", 3)
    queries, train = brains(4, seed=1), brains(5, seed=2)
    queries[0] = train[3].flip(0)
    space = VoxelSpace(train, centred=centred)
    found = space.similarity(queries)
    np.testing.assert_allclose(found.values, naive_similarities(queries, train, centred), atol=1e-6)
    assert space.name == ("voxels" if centred else "voxels, not centred")
    assert found.mirrored[0, 3] and found.values[0, 3] == pytest.approx(1, abs=1e-6)


def test_a_scan_is_at_no_distance_from_itself_its_mirror_image_and_its_dimmer_self():
    train = brains(6)
    for copy, mirrored in ((train, False), (train.flip(1), True), ((train + 1) * 0.6 - 1, False)):
        found = nearest(VoxelSpace(train).similarity(copy))
        np.testing.assert_array_equal(found.scan, range(6))
        np.testing.assert_array_equal(found.mirrored, mirrored)
        assert found.similarity.min() > 1 - 1e-6
        assert max(found.distance.max(), found.ratio.max(), found.relative.max()) < 2e-3


def test_shifted_copies_are_found_where_shifts_are_tried():
    train = brains(5)
    moved = shifted(train, 2, -1)
    assert torch.equal(moved[:, :, :-1], train[:, :, 1:]) and (moved[:, :, -1] == -1).all()
    plain, searched = (nearest(VoxelSpace(train, shift).similarity(moved)) for shift in (0, 1))
    assert plain.similarity.max() < 0.5 < 0.99 < searched.similarity.min()
    assert VoxelSpace(train, 1).name == "voxels, shifts of 1"


def test_an_empty_volume_correlates_with_none():
    found = VoxelSpace(brains(4), centred=False).similarity(torch.full((1, 12, 12, 12), -1.0))
    np.testing.assert_array_equal(found.values, 0)


def test_distances_relate_the_nearest_to_the_next(monkeypatch):
    values = np.array([[0.2, 0.9, 0.5, 0.4, -1.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    monkeypatch.setattr(near, "NEXT", 2)
    found = nearest(near.Similarity(values, values > 0.8))
    d = np.sqrt(2 * (1 - np.array([0.9, 0.5, 0.4])))
    np.testing.assert_allclose([found.distance[0], found.ratio[0]], [d[0], d[0] / d[1]])
    np.testing.assert_allclose(found.relative, [d[0] / d[1:].mean(), 1])
    assert found.scan[0] == 1 and found.mirrored[0]
    left_out = nearest(near.Similarity(values, values > 0.8), leave_out=values == 0.9)
    assert left_out.scan[0] == 2 and not left_out.mirrored[0]
    with pytest.raises(InputError, match="1 scans to compare with"):
        nearest(near.Similarity(values[:1], values[:1] > 0), leave_out=values[:1] > 0)


def test_scans_of_one_person_do_not_count_as_neighbours():
    np.testing.assert_array_equal(same_person(["b", "a", "b"]), [[1, 0, 1], [0, 1, 0], [1, 0, 1]])


def test_feature_space_standardises_by_the_training_scans():
    train, queries = brains(9, seed=1), brains(3, seed=2)
    scale = torch.tensor([1.0, 50.0, 3.0])

    def features(x):
        halves = torch.stack([x[:, :6].mean((1, 2, 3)), x[:, 6:].mean((1, 2, 3)), x.amax((1, 2, 3))], 1)
        return scale * halves + 7

    found = FeatureSpace(train, "three numbers", features).similarity(queries)
    reference = features(train).double().numpy()
    z = [
        (features(x).double().numpy() - reference.mean(0)) / reference.std(0, ddof=1)
        for x in (queries, queries.flip(1))
    ]
    t = (reference - reference.mean(0)) / reference.std(0, ddof=1)
    cosine = [np.einsum("id,jd->ij", q, t) / np.outer(np.linalg.norm(q, axis=1), np.linalg.norm(t, axis=1)) for q in z]
    np.testing.assert_allclose(found.values, np.maximum(*cosine), atol=1e-5)
    np.testing.assert_array_equal(found.mirrored, cosine[1] > cosine[0])


# Thresholds


@pytest.mark.parametrize(("k", "n"), [(0, 37), (1, 37), (26, 512), (37, 37)])
def test_shares_have_exact_binomial_intervals(k, n):
    expected = stats.binomtest(k, n).proportion_ci(0.95, "exact")
    found = share(k, n)
    np.testing.assert_allclose([found.value, found.low, found.high], [k / n, expected.low, expected.high], atol=1e-9)
    assert found.n == n


@pytest.mark.parametrize("m", [19, 37, 55])
def test_thresholds_flag_as_many_new_people_as_they_promise(m, generator):
    level, rates = 0.05, []
    for _ in range(800):
        held_out, new = generator.exponential(size=m), generator.exponential(size=200)
        rates.append(calibrate(held_out, level).flagged(new).mean())
    expected = calibrate(generator.normal(size=m), level).rank / (m + 1)
    assert expected <= level < expected + 1 / (m + 1)
    assert np.mean(rates) == pytest.approx(expected, abs=4 * np.std(rates) / len(rates) ** 0.5)


def test_the_stricter_threshold_flags_one_in_a_thousand_normal_distances(generator):
    rates = [np.mean(generator.normal(size=4000) < calibrate(generator.normal(size=37)).strict) for _ in range(400)]
    assert np.mean(rates) == pytest.approx(0.001, abs=0.0003)
    # One far outlier makes the spread, not the threshold, meaningless: never laxer than the first tier.
    spread = np.append(np.zeros(36), 100.0)
    assert calibrate(spread).strict <= calibrate(spread).value


def test_chance_allows_for_the_uncertainty_of_the_threshold(generator):
    m, n, k = 37, 50, 4
    hits = [calibrate(generator.normal(size=m)).flagged(generator.normal(size=n)).sum() >= k for _ in range(1000)]
    chance = calibrate(np.arange(m) / m).chance(k, n)
    assert np.mean(hits) == pytest.approx(chance, abs=4 * (chance / 1000) ** 0.5)
    assert calibrate(np.arange(m) / m).chance(0, n) == 1
    assert chance > stats.binom.sf(k - 1, n, 1 / 38)  # what it would be were the threshold known


@pytest.mark.parametrize("m", [20, 37, 38, 60])
def test_held_out_people_are_flagged_within_the_level(m, generator):
    found = false_positives(generator.normal(size=m), generator=generator)
    assert found.value <= 0.055 and found.n == m and found.low < found.value < found.high


def test_too_few_people_are_named(generator):
    assert people_needed(0.05) == 19 and people_needed(0.1) == 9
    with pytest.raises(InputError, match="held-out people: 18, but.*needs 19"):
        calibrate(np.arange(18.0))
    with pytest.raises(InputError, match="19, but cross-fitting at 5 % needs 20"):
        false_positives(np.arange(19.0), generator=generator)


def test_closer_is_the_mann_whitney_score(generator):
    for ties in (False, True):
        a, b = generator.normal(size=40), generator.normal(0.3, size=25)
        if ties:
            a, b = np.round(a), np.round(b)
        p = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=False).pvalue
        assert 2 * stats.norm.sf(abs(closer(a, b))) == pytest.approx(p)
    assert closer(np.zeros(30), np.ones(30)) < -5 < 5 < closer(np.ones(30), np.zeros(30))
    assert closer(np.ones(9), np.ones(9)) == 0


def test_authentic_volumes_are_farther_than_training_scans_from_each_other():
    found = authentic(np.array([0.5, 0.1, 0.9]), [0, 1, 1], np.array([0.4, 0.3]))
    assert (found.value, found.n) == (2 / 3, 3)


# Membership


def test_auc_is_that_of_scikit_learn(generator):
    a, b = np.round(generator.normal(0.5, size=50), 1), np.round(generator.normal(size=30), 1)
    found = membership_auc(a, b, generator=generator)
    assert found.value == pytest.approx(roc_auc_score([1] * 50 + [0] * 30, np.concatenate([a, b])))
    assert found.low < found.value < found.high and found.n == 30


def test_exchangeable_scores_give_half(generator):
    found = [
        membership_auc(generator.normal(size=60), generator.normal(size=30), n_bootstrap=200, generator=generator)
        for _ in range(200)
    ]
    assert np.mean([auc.value for auc in found]) == pytest.approx(0.5, abs=0.015)
    assert 0.9 <= np.mean([auc.low <= 0.5 <= auc.high for auc in found]) <= 0.99


def test_repeated_scans_of_a_person_count_once(generator):
    a, b = generator.normal(0.5, size=30), generator.normal(size=20)
    once = membership_auc(a, b, generator=np.random.default_rng(1))
    labels = people("p", 30) * 2
    twice = membership_auc(np.tile(a, 2), b, labels, None, generator=np.random.default_rng(1))
    # Subjects are numbered in the order of their sorted labels, so that draws differ, not their spread.
    assert twice.n == once.n == 20 and twice.value == pytest.approx(once.value)
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.15)
    with pytest.raises(InputError, match="not finite"):
        membership_auc(np.array([np.nan, 1]), b, generator=generator)


def test_a_model_that_only_knows_its_training_scans_gives_them_away(generator):
    train, other = brains(12, seed=1), brains(10, seed=2)

    def reconstruct(x):
        distance = torch.cdist(x.flatten(1), train.flatten(1))
        return train[distance.argmin(1)][:, None]

    score = reconstruction_score(reconstruct)
    inside, outside = scores(score, train), scores(score, other)
    np.testing.assert_allclose(inside, 0, atol=1e-7)
    expected = [(x - reconstruct(x[None, None])[0, 0]).abs().mean().item() for x in other]
    np.testing.assert_allclose(outside, -np.array(expected), rtol=1e-5)
    assert membership_auc(inside, outside, generator=generator).value == 1


def test_inversion_finds_the_code_of_what_was_generated():
    directions = torch.randn(3, 8**3, generator=torch.Generator().manual_seed(0))

    def G(z):
        return torch.tanh(0.3 * z @ directions).view(-1, 1, 8, 8, 8)

    codes = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    score = inversion_score(G, 3, n_steps=150)
    own = scores(score, G(codes)[:, 0])
    other = scores(score, torch.rand(4, 8, 8, 8, generator=torch.Generator().manual_seed(2)) * 2 - 1)
    assert own.min() > -0.03 > -0.3 > other.max()
    np.testing.assert_array_equal(own, scores(score, G(codes)[:, 0]))


# Controls, and the whole audit


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


@pytest.fixture(scope="module")
def found(subjects):
    """Audit of a generator that makes new subjects, and of one that slips copies in among them."""
    train, held_out, new = subjects
    labels = people("t", N_TRAIN), people("h", N_HELD_OUT)
    slipped = new.clone()
    slipped[3], slipped[10], slipped[12] = train[5], train[20].flip(0), 0.85 * (train[29] + 1) - 1
    spaces = [VoxelSpace(train)]
    return {
        name: audit(train, labels[0], held_out, labels[1], generated, spaces, n_copies=N_TRAIN, seed=1)
        for name, generated in (("new", new), ("slipped", slipped))
    }


def power(comparison, kind):
    return [power.found.value for power in comparison.criteria["relative"].power if power.kind == kind]


def test_plain_copies_are_found_and_new_people_are_not(found):
    comparison = found["new"].comparisons["voxels"]
    assert [power(comparison, kind) for kind in ("exact", "flipped", "rescaled")] == [[1], [1], [1]]
    criterion = comparison.criteria["relative"]
    assert criterion.false_positives.value <= 0.05 and criterion.training.value <= 0.1
    assert criterion.flagged.low <= 0.05
    by_noise = power(comparison, "noise")
    assert len(by_noise) == len(NOISE_SD) and by_noise[0] == 1 and by_noise[-1] < 0.5
    assert all(np.diff(by_noise) <= 0.06)  # falls with the noise, but for a copy of 30


def test_every_slipped_copy_is_listed_with_its_original(found):
    comparison = found["slipped"].comparisons["voxels"]
    first = {pair.generated: (pair.scan, pair.mirrored, pair.strict) for pair in comparison.pairs[:3]}
    assert first == {3: (5, False, True), 10: (20, True, True), 12: (29, False, True)}
    assert all(pair.relative < comparison.criteria["relative"].threshold.value for pair in comparison.pairs)
    assert len(comparison.pairs) == round(comparison.criteria["relative"].flagged.value * N_NEW)
    assert comparison.copied_training.value >= 3 / N_TRAIN


def test_an_average_is_near_to_all_and_a_copy_of_none():
    """A threshold on the correlation of whole brains calls it a copy."""
    noise = torch.rand(N_TRAIN + N_HELD_OUT, 12, 12, 12, generator=torch.Generator().manual_seed(0))
    train, held_out = torch.where(brains(1) > -1, noise, -1).split([N_TRAIN, N_HELD_OUT])
    mean = train.mean(0)
    grain = 0.01 * torch.randn(8, *mean.shape, generator=torch.Generator().manual_seed(1))
    averages = (mean + torch.where(mean > -1, grain, 0)).clamp(-1, 1)  # distinct, as equal ones count once
    labels = people("t", N_TRAIN), people("h", N_HELD_OUT)
    spaces = [VoxelSpace(train), VoxelSpace(train, centred=False)]
    found = audit(train, labels[0], held_out, labels[1], averages, spaces, n_copies=2)
    flagged = {
        name: [found.comparisons[space.name].criteria[name].flagged.value for space in spaces]
        for name in ("relative", "distance")
    }
    assert flagged["distance"][1] == 1
    assert max(flagged["relative"]) < 0.2
    texts = [finding.text for finding in findings(found)]
    assert any("Blur and averaging do that" in text for text in texts)


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
    with pytest.raises(InputError, match="train: 30 scans, but 29 labels"):
        audit(train, t[1:], held_out, h, new, spaces)
    with pytest.raises(InputError, match="held-out people: 1, but the audit needs 2"):
        audit(train, t, held_out, [f"h{i % 1}" for i in range(N_HELD_OUT)], new, spaces)
    with pytest.raises(InputError, match="sides of 8 and 16 voxels"):
        audit(train, t, held_out, h, new[:, :8, :8, :8], spaces)


def test_three_held_out_people_are_enough_to_run_and_too_few_to_clear(subjects):
    train, held_out, new = subjects
    found = audit(train, people("t", N_TRAIN), held_out[:3], people("h", 3), new, n_copies=2)
    assert found.level == 1 / 3
    assert "Only 3 people are held out" in verdict(found) and "no sign of memorisation" not in verdict(found)


def test_volumes_that_repeat_each_other_are_one_finding(subjects):
    """A generator that collapsed to one brain, which happens to lie near to a training scan, made no n copies."""
    train, held_out, new = subjects
    collapsed = torch.cat([train[:1].repeat(20, 1, 1, 1), new[:2]])
    found = audit(train, people("t", N_TRAIN), held_out, people("h", N_HELD_OUT), collapsed, n_copies=2)
    criterion = found.comparisons["voxels"].criteria["relative"]
    assert (found.n_generated, found.n_distinct, criterion.flagged.n) == (22, 3, 3)
    grain = 1e-6 * torch.randn(collapsed.shape, generator=torch.Generator().manual_seed(0))
    assert len(near.distinct(collapsed + grain)) < 6  # told apart at 8 bits, where few voxels are on the brink
    assert "no sign of memorisation" not in verdict(found)
    assert [pair.generated for pair in found.comparisons["voxels"].pairs] == [0]
    assert "22 generated volumes, 3 of them distinct, were" in verdict(found)


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


def test_two_numbers_for_a_table_are_those_of_the_whole_comparison(subjects):
    train, held_out, new = subjects
    search = Search(VoxelSpace(train), train, people("t", N_TRAIN), held_out, n_copies=2)
    whole, short = search.compare(new), search.measure(new)
    assert short == {"copied": whole.criteria["relative"].flagged, "authentic": whole.authentic}
    assert search.measure(train)["copied"].value == 1 and search.measure(train)["authentic"].value == 0
    expected = search.measure_held_out()["copied"]
    assert expected.value == 1 / (N_HELD_OUT + 1) and expected.n == N_HELD_OUT
    assert expected.value == pytest.approx(whole.criteria["relative"].false_positives.value, abs=0.02)
    assert expected.low < expected.value < expected.high < 0.2


# Figures


def test_every_pair_is_drawn_beside_its_original(found, subjects):
    train, _, new = subjects
    pairs = found["slipped"].comparisons["voxels"].pairs[:2]
    many = [*pairs, *(SimpleNamespace(**vars(pairs[0]) | {"generated": i}) for i in range(9))]
    pages = list(pair_pages(new.numpy(), train.numpy(), many, title="Pairs"))
    assert len(pages) == 2
    assert [len(page.axes[0].images) for page in pages] == [8 * 6, 3 * 6]
    left, right, difference = (image.get_array() for image in pages[0].axes[0].images[:3])
    scan = train[pairs[0].scan].numpy()
    scan = scan[::-1] if pairs[0].mirrored else scan
    volume = new[pairs[0].generated].numpy()
    np.testing.assert_allclose(left, volume[:, :, 8].T)
    bright = np.clip((scan + 1) * (volume + 1).mean() / (scan + 1).mean() - 1, -1, 1)
    np.testing.assert_allclose(right, bright[:, :, 8].T, atol=1e-5)
    np.testing.assert_allclose(difference, np.abs(left - right), atol=1e-5)
    assert f"scan {pairs[0].scan}" in " ".join(text.get_text() for text in pages[0].axes[0].texts)
    assert not list(pair_pages(new.numpy(), train.numpy(), []))
    with pytest.raises(InputError, match="no scan"):
        list(pair_pages(new.numpy(), train[:1].numpy(), many))


def test_power_and_distances_are_drawn(found):
    comparisons = found["slipped"].comparisons
    noise, other = power_curves(comparisons, "Power").axes
    line = noise.lines[0]
    np.testing.assert_allclose(line.get_xdata(), [0, *NOISE_SD])
    np.testing.assert_allclose(line.get_ydata(), [1, *power(comparisons["voxels"], "noise")])
    assert [tick.get_text() for tick in other.get_xticklabels()][:3] == ["exact", "flipped", "rescaled"]
    (axes,) = distance_histograms(comparisons).axes
    held_out = axes.patches[0].get_data().values
    assert held_out.sum() == pytest.approx(1)
    assert axes.lines[0].get_xdata()[0] == comparisons["voxels"].criteria["relative"].threshold.value
    with pytest.raises(InputError, match="comparisons"):
        power_curves({})


# Real scans


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
