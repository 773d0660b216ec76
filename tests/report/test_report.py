"""The report is one file that loads nothing, shows what comes from outside as text, and says what was left out."""

import json
import re
import subprocess
from html.parser import HTMLParser

import pytest
from browser import CHROMIUM
from folders import QUICK, fill

from alphagan.figures.common import Figure, write
from alphagan.report.folders import evaluate_folders
from alphagan.report.options import Folders
from alphagan.report.page import plain, to_html

NASTY = [
    "<script>alert(1)</script>",
    "![x](http://example.org/x.png)",
    "[link](http://example.org) <http://example.org>",
    "a|b `c` *d* _e_ # f\\",
    "<img src=x onerror=alert(1)>",
    "\"&quot; & '",
    "two\nlines\u202e",
]


class Page(HTMLParser):
    """Tags, attributes and text of a document."""

    def __init__(self, document):
        super().__init__()
        self.tags, self.attributes, self.text, self.cells = [], [], "", []
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data):
        self.text += data
        if self.cells:
            self.cells[-1] += data


def loads_nothing(document):
    page = Page(document)
    assert not {"script", "iframe", "object", "embed", "a", "form"} & set(page.tags)
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    linked = [value for key, value in page.attributes if key in ("src", "href", "srcset", "data", "action")]
    assert linked and all(value.startswith("data:") for value in linked)
    assert "url(" not in document and "@import" not in document
    return page


# ---- the page


@pytest.mark.parametrize("text", NASTY)
def test_what_comes_from_outside_is_shown_as_it_is(text, tmp_path):
    shown = " ".join(text.split()).replace("\u202e", "\ufffd")
    page = Page(to_html(f"# {plain(text)}\n\n| a | b |\n| --- | --- |\n| {plain(text)} | x |\n", text, tmp_path))
    assert page.cells[0].strip() == shown
    assert page.cells[1].strip() == "x"
    assert {"script", "img", "a", "code", "em", "strong"}.isdisjoint(page.tags)
    assert page.tags.count("td") == 2 and page.text.count(shown) >= 2


def test_pictures_are_inside_the_file_with_a_description(tmp_path):
    figure = Figure(figsize=(1, 1))
    write(figure, tmp_path / "figures/a.png", "png")
    page = loads_nothing(to_html("![What it shows](figures/a.png)", "x", tmp_path))
    assert ("alt", "What it shows") in page.attributes
    assert dict(page.attributes)["src"].startswith("data:image/png;base64,iVBOR")


# ---- the report


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Without training scans, with too few real ones for some metrics, and with names that are markup."""
    root = tmp_path_factory.mktemp("report")
    real = fill(root / "real <b>&", range(8))
    generated = fill(root / "![x](http:)", range(300, 308), "g{}.nii")
    (generated / "<script>alert(1)<!--.nii").write_text("not a scan")
    return evaluate_folders(Folders(real, generated, size=16), root / "out", QUICK)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    root = tmp_path_factory.mktemp("audited")
    real, train = fill(root / "real", range(200, 214)), fill(root / "train", range(100, 116))
    generated = fill(root / "generated", [*range(300, 310), *range(100, 110)], "g{}.nii", noise=20.0)
    return evaluate_folders(Folders(real, generated, train, size=16), root / "out", QUICK)


@pytest.mark.slow
def test_the_report_is_self_contained_and_shows_names_as_text(report):
    page = loads_nothing(report.read_text(encoding="utf-8"))
    assert "real <b>&" in page.text and "![x](http:)" in page.text and "<script>alert(1)<!--.nii" in page.text
    assert page.tags.count("img") == len(list(report.parent.glob("figures/*.png"))) == 6


@pytest.mark.slow
def test_the_report_says_what_was_left_out_and_why(report):
    text = Page(report.read_text(encoding="utf-8")).text
    assert "name their folder with --train" in text
    assert "mmd_as_published: batches of 8 (mmd_batch) need as many volumes, found 4" in text
    assert "membership: " in text and "1 of 9 files were refused" in text and "unreadable" in text
    assert "memory: a generator that repeats its training scans" in text


@pytest.mark.slow
def test_the_report_has_every_metric_with_its_interval_floor_and_shortcoming(report):
    cells = Page(report.read_text(encoding="utf-8")).cells
    row = next(i for i, cell in enumerate(cells) if cell.startswith("MMD² unbiased, RBF"))
    best, generated, n, floor, than, _, falls_short = (cell.strip() for cell in cells[row + 1 : row + 8])
    assert (best, n, than) == ("low", "4", "no verdict")  # of so few
    assert all(re.fullmatch(r"\S+ \[\S+,\s\S+\]", value) for value in (generated, floor))
    assert "the memoriser" in falls_short


@pytest.mark.slow
def test_the_audit_s_verdict_and_pictures_are_part_of_the_report(audited):
    page = loads_nothing(audited.read_text(encoding="utf-8"))
    assert "alarm: In voxels, 10 of 20 volumes" in page.text
    assert "Passing is not a privacy guarantee." in page.text
    assert "stand out by voxels, nearest first." in page.text
    assert page.tags.count("h1") == 1


@pytest.mark.slow
def test_the_report_says_how_many_volumes_are_identical(tmp_path):
    real, train = fill(tmp_path / "real", range(200, 214)), fill(tmp_path / "train", range(100, 116))
    generated = fill(tmp_path / "generated", [300] * 6, "g{}.nii", file_numbers=range(6))
    report = evaluate_folders(Folders(real, generated, train, size=16, fit="pad"), tmp_path / "out", QUICK)
    text = Page(report.read_text(encoding="utf-8")).text
    assert "5 of 6 generated volumes are identical to an earlier one" in text


# ---- in a browser


def chromium(folder, *arguments):
    """Run headless Chromium with a profile of its own; what it prints, and what it logs."""
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", *quiet),
        *(f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND"),
        *("--enable-logging=stderr", "--v=0", *arguments),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr


def opened(page, folder):
    """A page as the browser shows it, what it asked the network for, and what the console says.

    What Chromium asks its maker for by itself has no page as its initiator.
    """
    log = folder / f"{page.stem}.net.json"
    shown, logged = chromium(folder, f"--log-net-log={log}", "--dump-dom", page.as_uri())
    events = [event.get("params", {}) for event in json.loads(log.read_text(encoding="utf-8"))["events"]]
    asked = {event["url"] for event in events if event.get("initiator", "not an origin") != "not an origin"}
    return shown, sorted(asked), [line for line in logged.splitlines() if "CONSOLE" in line]


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
def test_a_browser_shows_the_whole_report_and_asks_for_nothing(audited, tmp_path):
    """The harness has a script, as the report has none: it counts pictures that decode, and what was loaded."""
    harness = tmp_path / "harness.html"
    script = """<script>onload = () => {
      const pictures = [...document.images];
      document.body.dataset.decoded = pictures.filter(picture => picture.complete && picture.naturalWidth > 200).length;
      document.body.dataset.loaded = performance.getEntriesByType("resource")
        .filter(entry => !entry.name.startsWith("data:")).length;
      document.body.dataset.height = document.body.scrollHeight;
    }</script>"""
    document = audited.read_text(encoding="utf-8")
    policy = "style-src 'unsafe-inline'"
    assert policy in document
    harness.write_text(document.replace(policy, f"{policy}; script-src 'unsafe-inline'") + script, encoding="utf-8")
    shown, _ = chromium(tmp_path, "--dump-dom", harness.as_uri())
    seen = dict(re.findall(r'data-(\w+)="(\d+)"', shown))
    assert int(seen["decoded"]) == document.count("<img ") >= 8
    assert seen["loaded"] == "0" and int(seen["height"]) > 3000

    plain_dom, asked, complaints = opened(audited, tmp_path)
    assert "Which metrics to quote" in plain_dom
    assert not asked and not complaints

    other = tmp_path / "other.html"  # the same look at a page that does ask and complain
    other.write_text('<img src="http://example.invalid/x.png"><script>undefined.x</script>')
    _, asked, complaints = opened(other, tmp_path)
    assert asked == ["http://example.invalid/x.png"] and complaints
