"""The page as people use it: crosshair, wheel, keys, contrast, next volume; no complaint, no request."""

import numpy as np
import pytest
from browser import CHROMIUM, browser

from alphagan.viewer.page import Entry, to_html
from alphagan.viewer.shown import Shown

AFFINE = np.array([[2.0, 0, 0, -16], [0, 2, 0, -20], [0, 0, 4, -16], [0, 0, 0, 1]])
CUBE = np.random.default_rng(0).integers(1, 255, (16, 20, 8), dtype=np.uint8)
PIXELS = """JSON.stringify(rows.map(({ panes }) => panes.map(({ canvas }) => canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data.reduce((sum, byte) => (sum * 31 + byte) % 1e9, 0))))"""
SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two volumes, the first beside a mirror image, opened without smoothing."""
    folder = tmp_path_factory.mktemp("browser")
    first, second = Shown(CUBE, AFFINE, "one"), Shown(255 - CUBE, AFFINE, "two <b>", unknown="nobody knows")
    path = folder / "page.html"
    path.write_text(to_html([Entry(first, first.mirrored(), "like"), Entry(second)], "Both"), encoding="utf-8")
    with browser(folder / "profile") as driven:
        yield driven, path


@pytest.fixture
def opened(page):
    driven, path = page
    driven.open(path)
    driven.until("rows.length")
    driven.value("find('smooth').click(), find('crosshair').click()")
    driven.value(SETTLED)
    yield driven
    assert not driven.complaints and not driven.requests


def at(driven, pane, across, up, row=0):
    """Point of a plane, by shares of its picture from the left and the bottom."""
    script = f"""(() => {{ const pane = rows[{row}].panes[{pane}], box = pane.canvas.getBoundingClientRect();
      const {{ left, top, width, height }} = frame(rows[{row}], pane), pixel = pane.canvas.width / box.width;
      return [box.left + (left + {across} * width) / pixel, box.top + (top + (1 - {up}) * height) / pixel]; }})()"""
    return driven.value(script)


def grey(driven, pane, across, up, row=0):
    x, y = at(driven, pane, across, up, row)
    return driven.value(f"""(() => {{ const canvas = rows[{row}].panes[{pane}].canvas;
      const box = canvas.getBoundingClientRect(), pixel = canvas.width / box.width;
      const [x, y] = [({x} - box.left) * pixel, ({y} - box.top) * pixel];
      return canvas.getContext("2d").getImageData(x, y, 1, 1).data[0]; }})()""")


def said(driven):
    driven.value(SETTLED)
    return driven.value("rows[0].output.textContent")


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")]


def test_a_click_moves_the_crosshair_in_all_planes(opened):
    before = opened.value(PIXELS)
    opened.drag(at(opened, 2, 3.5 / 16, 5.5 / 20))  # axial, radiological: the fourth voxel from the right
    assert said(opened) == f"{CUBE[12, 5, 4]} at R 8.0 · P 10.0 · I 0.0 mm".replace("I 0.0", "S 0.0")
    assert opened.value(PIXELS) != before
    for j, k in ((0, 0), (7, 3), (19, 7)):  # sagittal: the front is on the left
        assert grey(opened, 0, 1 - (j + 0.5) / 20, (k + 0.5) / 8) == CUBE[12, j, k]
    for i, k in ((0, 0), (9, 3), (15, 7)):  # coronal: right is on the left
        assert grey(opened, 1, 1 - (i + 0.5) / 16, (k + 0.5) / 8) == CUBE[i, 5, k]
        assert grey(opened, 1, 1 - (i + 0.5) / 16, (k + 0.5) / 8, row=1) == CUBE[15 - i, 5, k]


def test_wheel_and_keys_step(opened):
    opened.drag(at(opened, 2, 0.5 / 16, 0.5 / 20))
    assert said(opened).startswith(str(CUBE[15, 0, 4]))
    opened.mouse("mouseWheel", *at(opened, 2, 0.5, 0.5), deltaX=0, deltaY=100)
    assert said(opened).startswith(str(CUBE[15, 0, 3]))
    for key, index in (("ArrowUp", (15, 1, 3)), ("ArrowRight", (14, 1, 3)), ("PageUp", (14, 1, 4)), ("c", (14, 1, 4)),
                       ("ArrowRight", (15, 1, 4)), ("Home", (8, 10, 4))):  # fmt: skip
        opened.key(key)
        assert said(opened).startswith(f"{CUBE[index]} at"), key
    assert opened.value("find('convention').textContent") == "Neurological"


def test_the_right_button_and_sliders_change_contrast(opened):
    x, y = at(opened, 2, 0.5, 0.5)
    value, before = said(opened), opened.value(PIXELS)
    opened.drag((x, y), (x - 60, y + 30), "right")
    assert said(opened) == value
    assert opened.value("state.width") == pytest.approx(0.8) and opened.value("state.level") == pytest.approx(0.6)
    assert opened.value(PIXELS) != before
    opened.key("r")
    opened.value(SETTLED)
    assert opened.value(PIXELS) == before
    opened.value("find('level').value = 1.5, find('level').dispatchEvent(new Event('input'))")
    opened.value("find('width').value = 0.02, find('width').dispatchEvent(new Event('input'))")
    opened.value(SETTLED)
    assert grey(opened, 2, 0.5, 0.5) == 0


def test_the_next_volume_is_another_with_unknown_sides(opened):
    before = opened.value(PIXELS)
    opened.key("n")
    opened.until("state.number === 1 && rows.length === 1")
    assert said(opened) == f"{255 - CUBE[8, 10, 4]} at x 0.0 · y 0.0 · z 0.0 mm"
    assert "unknown, as nobody knows" in opened.value("find('sides').textContent")
    assert opened.value("letters(rows[0].volume, PLANES[2]).join('')") == "????"
    opened.key("p")
    opened.until("state.number === 0 && rows.length === 2")
    opened.value(SETTLED)
    assert opened.value(PIXELS) == before
    assert opened.value("rows.map(({volume}) => letters(volume, PLANES[2]).join(''))") == ["RLAP", "LRAP"]


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
def test_nothing_is_wider_than_the_screen(page, width, height):
    driven, path = page
    driven.open(path, width, height, "dark")
    driven.until("rows.length")
    assert driven.value("document.documentElement.scrollWidth <= innerWidth")
    dark = driven.value("getComputedStyle(document.body).backgroundColor")
    driven.open(path, width, height, "light")
    assert driven.value("getComputedStyle(document.body).backgroundColor") != dark


def test_what_a_page_asks_for_and_complains_of_is_noticed(page, tmp_path):
    """The same look at a page that does both: one by a script that its policy does not know."""
    driven, path = page
    asking = tmp_path / "asking.html"
    asking.write_text('<img src="http://example.invalid/x.png"><script>undefined.x</script>', encoding="utf-8")
    driven.open(asking)
    assert driven.requests == ["http://example.invalid/x.png"] and driven.complaints
    changed = tmp_path / "changed.html"
    changed.write_text(path.read_text(encoding="utf-8") + "<script>let added = 1;</script>", encoding="utf-8")
    driven.open(changed)
    assert "Content Security Policy" in "".join(driven.complaints)
    assert driven.value("typeof added") == "undefined"
