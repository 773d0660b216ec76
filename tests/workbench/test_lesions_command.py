"""Lesions in people and in what a model makes: a table, numbers and maps, with people, healthy as the floor."""

import json
import shutil

import numpy as np
import pytest
from factories import write_prepared

from alphagan.errors import InputError
from alphagan.settings.config import parse
from alphagan.settings.paths import Paths
from alphagan.training.loop import fit
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
