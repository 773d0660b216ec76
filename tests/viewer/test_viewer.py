"""What is in the page: the voxels, which side is which, no name unless asked for, no more bytes than allowed."""

import base64
import gzip
import hashlib
import json
import re
import shutil

import nibabel
import numpy as np
import pytest
from factories import tiny_settings, write_prepared
from nibabel.affines import from_matvec
from scans import AFFINE, SHAPE, head, write

from alphagan.__main__ import main
from alphagan.training.loop import fit
from alphagan.viewer import view as viewing
from alphagan.viewer.inline import inline
from alphagan.viewer.shown import from_file
from alphagan.viewer.view import Wanted, view, write_view

HOSTILE = "</script><img src=x onerror=alert(1)>&amp;.nii"


def content(page):
    (text,) = re.findall(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def levels(volume):
    packed = gzip.decompress(base64.b64decode(volume["levels"]))
    return np.frombuffer(packed, np.uint8).reshape(volume["shape"])


def in_own_units(volume):
    low, high = volume["intensity"]
    return low + levels(volume) * (high - low) / 255


def oblique():
    """Axes that are turned by 20 degrees about the vertical one."""
    angle = np.radians(20)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn @ AFFINE


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run, with the cohort that it was trained on where the pipeline has it."""
    root = tmp_path_factory.mktemp("project")
    prepared = write_prepared(root / "data" / "prepared" / "tiny")
    folder = root / "models" / "tiny" / "alpha_wgan_gp"
    fit(tiny_settings(iterations=2), prepared, folder, root / "scratch")
    return folder


# ---- volumes


@pytest.mark.parametrize("axes", ["RAS", "LAS", "LPS", "PIR"])
def test_every_orientation_gives_the_same_voxels_and_sides(tmp_path, axes):
    page = view(Wanted([write(tmp_path / "a.nii.gz", head(), axes=axes)]))
    (volume,) = content(page)["volumes"]
    inside = head() != 0
    box = tuple(slice(where.min(), where.max() + 1) for where in np.nonzero(inside))
    low, high = volume["intensity"]
    expected = head()[box].clip(low, high)
    np.testing.assert_allclose(in_own_units(volume), expected, atol=(high - low) / 255)
    assert volume["ends"] == ["LR", "PA", "IS"] and not volume["unknown"]
    first = AFFINE @ [*(span.start for span in box), 1]
    np.testing.assert_allclose(np.array(volume["affine"])[:, 3], first[:3], atol=1e-3)


def test_oblique_axes_are_said_to_be_so_and_keep_their_millimetres(tmp_path):
    (volume,) = content(view(Wanted([write(tmp_path / "a.nii", head(), affine=oblique())])))["volumes"]
    assert volume["ends"] == ["LR", "PA", "IS"]
    assert volume["notes"] == ["cut along its own axes, up to 20° from those of the scanner"]
    np.testing.assert_allclose(np.array(volume["affine"])[:, :3], oblique()[:3, :3], atol=1e-3)


def test_sides_that_a_header_does_not_tell_are_question_marks(tmp_path):
    (volume,) = content(view(Wanted([write(tmp_path / "a.nii", head(), np.eye(4))])))["volumes"]
    assert volume["ends"] == ["??"] * 3 and "only scales the axes" in volume["unknown"]


def test_uint8_is_kept_as_it_is_and_thick_slices_stay_thick(tmp_path):
    cube = np.random.default_rng(0).integers(1, 256, (9, 8, 7), dtype=np.uint8)
    affine = from_matvec(np.diag([-1.0, 2, 5]), [0, 0, 3])
    nibabel.save(nibabel.Nifti1Image(cube, affine), tmp_path / "a.nii")
    (volume,) = content(view(Wanted([tmp_path / "a.nii"])))["volumes"]
    np.testing.assert_array_equal(levels(volume), cube[::-1])
    assert volume["sizes"] == [1, 2, 5] and volume["intensity"] == [0, 255]


def test_a_large_volume_is_averaged_down_and_lies_where_it_did(tmp_path):
    noise = np.random.default_rng(0).integers(1, 256, (40, 40, 20), dtype=np.uint8)
    affine = from_matvec(np.diag([1.0, 1, 2]), [7, 0, 0])
    nibabel.save(nibabel.Nifti1Image(noise, affine), tmp_path / "a.nii")
    whole = from_file(tmp_path / "a.nii", "a")
    small = whole.within(5000)
    assert len(small.packed()) <= 5000 < len(whole.packed())
    assert small.notes[-1].startswith("averaged down to ")
    np.testing.assert_allclose(small.levels.mean(), noise.mean(), atol=0.5)
    middles = [shown.affine @ [*((np.array(shown.levels.shape) - 1) / 2), 1] for shown in (whole, small)]
    np.testing.assert_allclose(*middles, atol=1e-6)
    np.testing.assert_allclose(small.sizes_mm * small.levels.shape, [40, 40, 40])


def test_the_room_of_a_page_is_shared_by_its_volumes(tmp_path, monkeypatch):
    for number in range(4):
        write(tmp_path / f"{number}.nii", head(number))
    monkeypatch.setattr(viewing, "ROOM", 20_000)
    page = view(Wanted([tmp_path]))
    assert len(content(page)["volumes"]) == 4
    assert sum(len(volume["levels"]) for volume in content(page)["volumes"]) <= 20_000 * 4 / 3 + 16


# ---- runs and real scans


def test_brains_of_a_run_are_those_that_are_sampled_and_stand_beside_training_scans(run):
    import alphagan
    from alphagan.volumes.prepared import to_uint8

    found = content(view(Wanted([run], n=3, seed=1)))
    np.testing.assert_array_equal([levels(v) for v in found["volumes"]], to_uint8(alphagan.load(run).sample(3, 1)))
    train = np.load(run.parents[2] / "data/prepared/tiny/volumes.npy")[[row for row in range(20) if row % 5 < 3]]
    for volume in found["volumes"]:
        scan = found["scans"][volume["beside"]]
        number = int(re.fullmatch(r"Nearest training scan, (\d+) of 12", scan["title"])[1])
        mirrored = volume["words"].startswith("Shown mirrored. ")
        np.testing.assert_array_equal(levels(scan), train[number - 1][::-1] if mirrored else train[number - 1])
        assert scan["ends"] == ["RL" if mirrored else "LR", "PA", "IS"]
        assert "held-out people" in volume["words"]


def test_scans_that_a_run_did_not_see_are_not_called_its_own(run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "models" / "tiny" / run.name)
    write_prepared(tmp_path / "data" / "prepared" / "tiny", n=24)
    found = content(view(Wanted([copy], n=2, seed=1)))
    assert "was trained on other scans, or another split, than" in capsys.readouterr().err
    assert all(scan["title"].startswith("Nearest real scan, ") for scan in found["scans"])
    assert not capsys.readouterr().err and view(Wanted([run], n=1)) and "was trained on" not in capsys.readouterr().err


def test_a_mirrored_file_finds_its_original_and_not_itself(tmp_path, capsys):
    for number in range(4):
        write(tmp_path / "real" / f"ann-{number}.nii", head(number))
    mirrored = write(tmp_path / "mirrored.nii", head(2)[::-1])
    sources = [mirrored, tmp_path / "real" / "ann-2.nii"]
    found = content(view(Wanted(sources, real=str(tmp_path / "real"))))
    first, second = (found["scans"][volume["beside"]] for volume in found["volumes"])
    assert first["title"] == "Nearest real scan, 3 of 4" and first["ends"][0] == "RL"
    np.testing.assert_array_equal(levels(first), levels(found["volumes"][0]))
    assert second["title"] != first["title"]


def test_no_prepared_scan_stands_beside_itself(tmp_path):
    cohort = write_prepared(tmp_path / "mine", n=6)
    found = content(view(Wanted([cohort], real=str(cohort), n=6)))
    for number, volume in enumerate(found["volumes"], start=1):
        assert not re.search(rf", {number} of 6$", found["scans"][volume["beside"]]["title"])


# ---- what may stand in it


def test_names_stay_out_unless_asked_for(tmp_path):
    write(tmp_path / "ann-smith.nii", head())
    page = view(Wanted([tmp_path]))
    assert "ann-smith" not in page and tmp_path.name not in page
    assert content(view(Wanted([tmp_path], names=True)))["volumes"][0]["title"] == "ann-smith.nii"


def test_hostile_names_are_text(tmp_path):
    page = inline({HOSTILE.removesuffix(".nii"): np.zeros((1, 4, 4, 4), np.uint8)}, np.eye(4)).page
    assert "<img" not in page and page.count("</script>") == 2
    assert content(page)["volumes"][0]["title"] == HOSTILE.removesuffix(".nii") + " 0"


def test_the_policy_allows_the_page_s_own_style_and_script_alone(tmp_path):
    page = view(Wanted([write(tmp_path / "a.nii", head())]))
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)">', page)
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy and "://" not in page
    for tag in ("style", "script"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode() in policy
    assert page == view(Wanted([tmp_path / "a.nii"]))


def test_a_notebook_gets_the_page_in_a_frame():
    cubes = np.zeros((2, 8, 8, 8), np.uint8)
    frame = inline({"real": cubes, "generated": cubes[:1]}, np.eye(4))
    assert [volume["beside"] for volume in content(frame.page)["volumes"]] == [0, None]
    assert 'sandbox="allow-scripts"' in frame._repr_html_() and "<script" not in frame._repr_html_()


# ---- what is refused


def four(folder):
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4, 2), np.uint8), AFFINE), folder / "four.nii")
    return folder / "four.nii"


def text(folder):
    (folder / "text.nii").write_text("not a scan")
    return folder / "text.nii"


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (text, "unreadable"),
        (four, "not one volume"),
        (lambda folder: folder, "no volume in it"),
        (lambda folder: folder / "gone", "no such file or folder"),
        (lambda folder: text(folder).parent, "can be shown"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(tmp_path, capsys, make, word):
    output = tmp_path / "out" / "page.html"
    assert main(["view", str(make(tmp_path)), "-o", str(output)]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
    assert len(said) == 1 and word in said[0] and str(tmp_path) in said[0]
    assert not output.parent.exists()


def test_of_a_folder_what_cannot_be_shown_is_passed_over(tmp_path, capsys):
    text(tmp_path), write(tmp_path / "a.nii", head())
    assert len(content(view(Wanted([tmp_path])))["volumes"]) == 1
    assert "note: " in capsys.readouterr().err


def test_a_page_that_is_there_stays_unless_forced(tmp_path):
    source = write(tmp_path / "a.nii", np.zeros(SHAPE, np.int16))
    (tmp_path / "page.html").write_text("kept")
    assert main(["view", str(source), "-o", str(tmp_path / "page.html")]) == 2
    assert (tmp_path / "page.html").read_text() == "kept"
    assert write_view(Wanted([source]), tmp_path / "page.html", force=True).read_text() != "kept"
