"""Lesions in people and in what a model makes: a table, numbers and maps, with people, healthy as the floor."""

import json
import shutil

import numpy as np
import pytest
from factories import write_prepared

from alphagan.errors import InputError
from alphagan.metrics.anatomy import most_asymmetric
from alphagan.metrics.bootstrap import share
from alphagan.metrics.lesions import smallest_lesion
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.training.loop import fit
from alphagan.volumes.prepared import Volumes
from alphagan.workbench.lesions import find_and_show, unlike

CONTENT = {
    "cohorts": {name: {"kind": "template", "source": "x"} for name in ("ill", "well")},
    "experiments": {"run": {"cohort": "ill", "model": "alpha_wgan_gp"}},
    "prepare": {"size": 16},
    "model": {"z_dim": 8, "width": 0.0625, "code_units": 16, "critic_norm": "none"},
    "train": {"iterations": 2, "batch_size": 4},
    "evaluate": {"n_generated": 12},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Twenty people with a brain that is the same on both sides, of whom the "ill" have a hole on the left."""
    root = tmp_path_factory.mktemp("root")
    for name in ("ill", "well"):
        folder = write_prepared(Paths(root).prepared(name))
        volumes = np.where(np.load(folder / "volumes.npy") > 0, 160, 0).astype(np.uint8)
        if name == "ill":
            volumes[:, 4:7, 6:10, 6:10] = 30
        np.save(folder / "volumes.npy", volumes)
    fit(
        parse(CONTENT).settings("run"), Paths(root).prepared("ill"), Paths(root).run("ill", "alpha_wgan_gp"), root / "s"
    )
    return root


def test_people_with_a_hole_have_a_lesion_and_healthy_ones_have_none(root):
    folder = find_and_show(parse(CONTENT), "ill", "well", Paths(root))
    told = json.loads((folder / "lesions.json").read_text())
    found = told["found"]
    assert told["healthy"] == "well" and "which 95 % of well do not have" in (folder / "table.md").read_text()
    assert list(found) == ["people, training", "people, held out", "people, healthy", "alpha_wgan_gp"]
    assert [found[name]["share"]["n"] for name in found] == [12, 8, 20, 12]
    assert found["people, training"]["share"]["value"] == found["people, held out"]["left"]["value"] == 1
    assert found["people, healthy"]["share"]["value"] == 0 and found["people, healthy"]["map_correlation"] is None
    voxel_ml = 5 * 6 * 5 / 1000
    hole_ml = 3 * 4 * 4 * voxel_ml  # a patch is what lies so deep in it that a window is dark
    assert 0.3 * hole_ml < found["people, held out"]["quartiles_ml"][1] < hole_ml
    lines = (folder / "table.md").read_text().splitlines()
    assert lines[2].startswith("| people, training | 12 | 100 [74, 100] | ") and lines[4].endswith(
        "| 0 [0, 17] | – | – | – | – |"
    )
    assert all((folder / name).stat().st_size > 1000 for name in ("frequency.png", "examples.png"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"healthy": "nobody"}, "nobody"),
        ({"healthy": "ill"}, "--healthy: ill are the same people"),
        ({"modality": "PDw"}, "cohorts.ill: PDw; lesions are looked for in T1w, T2w, FLAIR"),
    ],
)
def test_what_cannot_be_looked_at_is_named(root, change, says):
    content = CONTENT | {"cohorts": {"ill": {**CONTENT["cohorts"]["ill"], "modality": change.get("modality", "T1w")}}}
    with pytest.raises(InputError, match=says):
        find_and_show(parse(content), "ill", change.get("healthy", "well"), Paths(root))


def test_patients_are_no_healthy_people(root, tmp_path):
    shutil.copytree(root / "data", tmp_path / "data")
    path = Paths(tmp_path).prepared("well") / "volumes.npy"
    volumes = np.load(path)
    volumes[2:5] = np.load(Paths(root).prepared("ill") / "volumes.npy")[[6, 0, 9]]
    np.save(path, volumes)
    with pytest.raises(InputError, match=r"--healthy: 3 of the 20 scans of well are of ill; name others"):
        find_and_show(parse(CONTENT), "ill", "well", Paths(tmp_path))


def test_healthy_people_who_were_made_or_prepared_otherwise_are_told(root, tmp_path):
    paths = Paths(tmp_path)
    real = {"kind": "nifti", "fit": "stretch", "upper_percentile": 99.9}
    for name in ("ill", "well", "simulated", "padded"):
        paths.prepared(name).mkdir(parents=True)
        more = {"simulated": {"kind": "template"}, "padded": {"fit": "pad", "field_of_view_mm": 200}}.get(name, {})
        (paths.prepared(name) / "preparation.json").write_text(json.dumps(real | more))
    assert unlike("well", "ill", paths) == []
    assert unlike("simulated", "ill", paths) == [
        "--healthy: only simulated is simulated, so simulated may differ from ill for that alone"
    ]
    assert unlike("ill", "simulated", paths) == [
        "--healthy: only simulated is simulated, so ill may differ from simulated for that alone"
    ]
    assert unlike("padded", "ill", paths) == [
        "--healthy: padded has fit pad, ill stretch; prepare both alike",
        "--healthy: padded has field_of_view_mm 200, ill None; prepare both alike",
    ]


def test_without_healthy_people_every_patch_counts_and_other_contrasts_look_for_bright_ones(root):
    flair = CONTENT | {"cohorts": {"ill": {**CONTENT["cohorts"]["ill"], "modality": "FLAIR"}}}
    dark, bright = (
        json.loads((find_and_show(parse(content), "ill", None, Paths(root)) / "lesions.json").read_text())
        for content in (CONTENT, flair)
    )
    assert "people, healthy" not in dark["found"] and dark["smallest_voxels"] == 0
    shares = [told["found"]["people, training"]["share"]["value"] for told in (dark, bright)]
    assert shares == [1, 0]  # a hole is no tumour of the other side


def test_healthy_people_of_another_contrast_say_nothing(root, tmp_path):
    prepared = tmp_path / "data" / "prepared"
    shutil.copytree(Paths(root).prepared("well"), prepared / "well")
    (prepared / "ill").symlink_to(Paths(root).prepared("ill"))
    (prepared / "well" / "preparation.json").write_text('{"modality": "FLAIR"}')
    with pytest.raises(InputError, match="--healthy: well is FLAIR, ill T1w; name one of that contrast"):
        find_and_show(parse(CONTENT), "ill", "well", Paths(tmp_path))


def test_cubes_of_another_size_say_nothing(root, tmp_path):
    (tmp_path / "data" / "prepared").mkdir(parents=True)
    (tmp_path / "data" / "prepared" / "ill").symlink_to(Paths(root).prepared("ill"))
    write_prepared(Paths(tmp_path).prepared("well"), size=20)
    with pytest.raises(InputError, match="--healthy: well has 20 voxels along each side, ill 16"):
        find_and_show(parse(CONTENT), "ill", "well", Paths(tmp_path))


def copied(root, tmp_path, change, name="ill"):
    """Another root, in which a cohort is volumes and lines of subjects.csv as `change` makes them."""
    shutil.copytree(root, tmp_path / "root")
    folder = Paths(tmp_path / "root").prepared(name)
    volumes, (header, *lines) = np.load(folder / "volumes.npy"), (folder / "subjects.csv").read_text().splitlines()
    volumes, lines = change(volumes, lines)
    np.save(folder / "volumes.npy", volumes)
    (folder / "subjects.csv").write_text("\n".join([header, *lines]) + "\n")
    return Paths(tmp_path / "root")


def test_visits_of_a_person_are_one_unit(root, tmp_path, monkeypatch):
    def visits(volumes, lines):
        """Of five scans in a row the first three are a training person's, of whom one is without a hole."""
        volumes[::5] = np.where(volumes[::5] > 0, 160, 0)
        for row, line in enumerate(lines):
            number, _, session, split, *affine = line.split(",")
            lines[row] = ",".join([number, f"{row // 5}-{split}", session, split, *affine])
        return volumes, lines

    shown = []
    monkeypatch.setattr(
        "alphagan.workbench.lesions.most_asymmetric",
        lambda volumes, brighter: shown.append(volumes) or most_asymmetric(volumes, brighter),
    )
    paths = copied(root, tmp_path, visits)
    folder = find_and_show(parse(CONTENT), "ill", None, paths)
    found = json.loads((folder / "lesions.json").read_text())["found"]
    assert [found[name]["share"]["n"] for name in found] == [4, 8, 12]
    assert found["people, training"]["share"] == pytest.approx(share(4 * 2 / 3, 4).as_dict(), abs=1e-6)
    assert found["people, training"]["left"] == pytest.approx(share(4, 4).as_dict(), abs=1e-6)
    assert [len(volumes) for volumes in shown] == [4, 4, 4]
    np.testing.assert_array_equal(shown[0], Volumes(paths.prepared("ill")).tensor([0, 5, 10, 15])[:, 0])  # one of each


def test_visits_of_the_healthy_are_one_unit_too(root, tmp_path):
    def twice(volumes, lines):
        """Ten people with two scans each, of whom one has a hole at the second."""
        volumes[1, 4:7, 6:10, 3:9] = 30
        return volumes, [line.replace(f"sub-{row:03d}", f"sub-{row // 2:03d}") for row, line in enumerate(lines)]

    paths = copied(root, tmp_path, twice, "well")
    told = json.loads((find_and_show(parse(CONTENT), "ill", "well", paths) / "lesions.json").read_text())
    volumes = np.load(paths.prepared("well") / "volumes.npy")
    assert told["smallest_voxels"] == pytest.approx(smallest_lesion(volumes, groups=np.arange(20) // 2))
    assert told["smallest_voxels"] > smallest_lesion(volumes)
    assert told["found"]["people, healthy"]["share"] == pytest.approx(share(0.5, 10).as_dict(), abs=1e-6)


def test_maps_of_few_lesions_have_no_correlation_and_the_reason_is_told(root, tmp_path):
    def few(volumes, lines):
        """One held-out person has a hole, elsewhere than training people have theirs, a third of them higher up."""
        volumes = np.where(volumes > 0, 160, 0).astype(np.uint8)
        train = [row for row, line in enumerate(lines) if line.split(",")[3] == "train"]
        volumes[train[:4], 4:7, 6:10, 8:12] = volumes[train[4:], 4:7, 6:10, 6:10] = volumes[3, 4:7, 6:10, 3:6] = 30
        return volumes, lines

    folder = find_and_show(parse(CONTENT), "ill", None, copied(root, tmp_path, few))
    told, text = json.loads((folder / "lesions.json").read_text()), (folder / "table.md").read_text()
    training, held_out = (told["found"][name] for name in ("people, training", "people, held out"))
    assert (training["left"]["n"], training["map_correlation"]) == (12, 1.0)
    assert (held_out["left"]["n"], held_out["map_correlation"]) == (1, None)
    assert "is of fewer than 10 people or volumes with a lesion (people, held out: 1" in text
    assert told["left_out"]["map_correlation"] in text
