"""Figures are saved whole or not at all, always with the same bytes, and leave nothing in pyplot."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from test_figures import AFFINE, BRAINS, SIZE

from alphagan import figures


@pytest.fixture
def volumes():
    return np.random.default_rng(1).integers(0, 256, (3, SIZE, SIZE, SIZE), dtype=np.uint8)


def test_save_gives_the_same_bytes_each_time_and_leaves_nothing_else(volumes, tmp_path):
    def draw():
        yield "cuts", figures.center_cuts({"real": volumes[:1]}, AFFINE, title="Simulated, N = 1")
        yield "loss", figures.loss_curves({"iteration": [1, 2, 3], "L_D": [3.0, 2.0, 1.0]}, title="α")

    first, again = dict(draw()), dict(draw())
    first["loss again"] = again["loss again"] = first["loss"]  # its layout is solved anew at each drawing
    for name, figure in first.items():
        a = figures.save(figure, tmp_path / "a" / f"{name}.v1")
        b = figures.save(again[name], tmp_path / "b" / f"{name}.v1")
        assert [path.name for path in a] == [f"{name}.v1.png", f"{name}.v1.pdf"]
        assert [path.read_bytes() for path in a] == [path.read_bytes() for path in b]
        assert b"Matplotlib" not in a[0].read_bytes()
        assert b"CreationDate" not in a[1].read_bytes()
    assert (tmp_path / "a" / "loss.v1.png").read_bytes() == (tmp_path / "a" / "loss again.v1.png").read_bytes()
    assert len(list((tmp_path / "a").iterdir())) == 2 * len(first)


def test_a_figure_is_placed_once_for_both_files_and_anew_when_it_is_saved_again(tmp_path, monkeypatch):
    figure = figures.loss_curves({"iteration": [1, 2, 3], "L_D": [3.0, 2.0, 1.0]})
    engine, placed = figure.get_layout_engine(), []
    monkeypatch.setattr(engine, "execute", placed.append)
    for times in (1, 2):
        figures.save(figure, tmp_path / "loss")
        assert figure.get_layout_engine() is engine and placed == [figure] * times


def test_a_failed_save_keeps_the_old_file(volumes, tmp_path, monkeypatch):
    figure = figures.montage(volumes)
    png, _ = figures.save(figure, tmp_path / "figure")
    before = png.read_bytes()

    def fail(path, **_):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        figures.save(figure, tmp_path / "figure")
    assert png.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_is_left_behind_in_pyplot(volumes):
    settings, open_figures = dict(matplotlib.rcParams), plt.get_fignums()
    for draw in BRAINS.values():
        draw(volumes[:1], AFFINE)
    figures.pca_scatter({"real": np.eye(2)}, [0.6, 0.4])
    figures.metric_intervals({"vae_gan": {"mmd": {"value": 1, "low": 0, "high": 2, "n": 3}}})
    shown = figures.montage(volumes)._repr_png_()  # what Jupyter asks for
    assert shown.startswith(b"\x89PNG") and shown == figures.montage(volumes)._repr_png_()
    assert plt.get_fignums() == open_figures
    assert dict(matplotlib.rcParams) == settings


def test_a_moving_picture_has_the_same_bytes_and_goes_there_and_back(volumes, tmp_path):
    a, b = (figures.save_animation(volumes, tmp_path / name / "walk.v1", AFFINE) for name in "ab")
    assert a.name == "walk.v1.gif" and a.read_bytes() == b.read_bytes()
    with Image.open(a) as shown:
        frames = [shown.seek(i) or np.asarray(shown.convert("L")) for i in range(shown.n_frames)]
    assert len(frames) == 4 and np.array_equal(frames[1], frames[3]) and not np.array_equal(frames[0], frames[1])
    assert len(list((tmp_path / "a").iterdir())) == 1
