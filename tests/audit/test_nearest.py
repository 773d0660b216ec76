"""The nearest training scans, against similarities that are computed one at a time."""

import numpy as np
import pytest
import torch
from audits import brains

from alphagan.audit import nearest as near
from alphagan.audit import spaces
from alphagan.audit.nearest import nearest, same_person
from alphagan.audit.spaces import FeatureSpace, Similarity, VoxelSpace, shifted
from alphagan.errors import InputError


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


@pytest.mark.parametrize("centred", [True, False])
def test_similarity_is_the_correlation_of_deviations_inside_the_brain(centred, monkeypatch):
    monkeypatch.setattr(spaces, "BATCH", 3)
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
    found = nearest(Similarity(values, values > 0.8))
    d = np.sqrt(2 * (1 - np.array([0.9, 0.5, 0.4])))
    np.testing.assert_allclose([found.distance[0], found.ratio[0]], [d[0], d[0] / d[1]])
    np.testing.assert_allclose(found.relative, [d[0] / d[1:].mean(), 1])
    assert found.scan[0] == 1 and found.mirrored[0]
    left_out = nearest(Similarity(values, values > 0.8), leave_out=values == 0.9)
    assert left_out.scan[0] == 2 and not left_out.mirrored[0]
    with pytest.raises(InputError, match="1 scans to compare with"):
        nearest(Similarity(values[:1], values[:1] > 0), leave_out=values[:1] > 0)


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
