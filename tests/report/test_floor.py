"""The floor of learned features is of people whom their network does not know; where it knows them, that is said."""

import pytest
from folders import fill, measured

from alphagan.evaluation.features.network import load_features
from alphagan.metrics.frechet import frechet_distance
from alphagan.report.measure import _divided
from alphagan.report.options import Folders
from alphagan.volumes.prepared import Volumes


def test_the_floor_of_learned_features_is_of_people_whom_the_network_does_not_know(tmp_path):
    real, generated = fill(tmp_path / "real", range(8)), fill(tmp_path / "generated", range(300, 330), "g{}.nii")
    train = fill(tmp_path / "train", range(100, 122))
    fill(train, range(100, 122), "sub-{:03d}_run-2_T1w.nii", noise=60)
    found = measured(Folders(real, generated, train, size=16), tmp_path / "work")
    assert "on 22 scans of train" in found.networks[0]
    known = {row["subject"] for row in Volumes(tmp_path / "work/known/train").subjects}
    _, unknown = _divided(found.sides["train"].volumes, tmp_path / "again", found.folders.seed)
    assert len(known) == len(set(unknown.people)) == 11 and not known & set(unknown.people)
    assert len(unknown.volumes) == 22 < len(found.floor.volumes)  # both scans of everybody, fewer than of all people
    network, floor = load_features(tmp_path / "work/features"), unknown.some(30, found.folders.seed)
    expected = frechet_distance(network.embed(found.real.volumes), network.embed(floor.volumes), n_bootstrap=2)
    assert found.evaluation.rows["real"]["frechet"].value == pytest.approx(expected.value)
    assert not [line for line in found.doubts if line.startswith("features: ")]


def test_a_network_that_knows_the_people_of_the_floor_is_told(tmp_path, real, generated):
    found = measured(Folders(real, generated, size=16), tmp_path / "work")
    (told,) = [line for line in found.doubts if line.startswith("features: ")]
    assert "the network is trained on the 7 people of the floor, whom it holds apart from new ones" in told
