"""Downloads, from a server in this process that can be told to misbehave. Nothing here leaves the machine."""

import hashlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from alphagan.__main__ import main
from alphagan.errors import InputError
from alphagan.preparation.cohorts import download as downloads
from alphagan.preparation.cohorts import find_scans, openneuro
from alphagan.preparation.cohorts.download import Patience
from alphagan.settings.cohorts import OpenneuroCohort

FAST = Patience(timeout_s=5.0, attempts=3, backoff_s=0.001)
NAMES = [f"sub-0{n}/anat/sub-0{n}_T1w.nii.gz" for n in (1, 2, 3)]
SIZE = 300_000


class Server(ThreadingHTTPServer):
    """Serves `files`; `faults[path]` is what goes wrong with the next requests for it, one each."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.log = {}, {}, []
        self.ranges = True
        self.release = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, path = self.server, self.path.lstrip("/")
        asked = self.headers.get("Range")
        server.log.append((path, asked))
        queue = server.faults.get(path, [])
        fault = queue.pop(0) if queue else None
        content = server.files.get(path)
        if isinstance(fault, int) or content is None:
            return self._answer(fault or 404, b"")
        if fault == "corrupt":
            content = content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]
        if asked and server.ranges:
            first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if first >= len(content):
                return self._answer(416, b"")
            extra = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
            return self._answer(206, content[first:], fault, extra)
        return self._answer(200, content, fault)

    def _answer(self, status, body, fault=None, extra=()):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **dict(extra)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if fault in ("drop", "stall"):
            self.wfile.write(body[:80_000])
            self.wfile.flush()
            if fault == "stall":
                self.server.release.wait(30)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    server = Server()
    server.files = {name: np.random.default_rng(n).bytes(SIZE) for n, name in enumerate(NAMES)}
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


def registry(folder, files, name="list.txt"):
    lines = [f"{path} {len(content)} {hashlib.md5(content).hexdigest()}" for path, content in files.items()]
    (folder / name).write_text("# a comment\n\n" + "\n".join(lines) + "\n")
    return folder / name


@pytest.fixture
def fetch(server, tmp_path):
    """Download the server's files into the folder it returns."""
    listed = registry(tmp_path, server.files)

    def run(**changes):
        given = {"url": server.url, "registry": listed, "patience": FAST} | changes
        return openneuro.download("ds002748", tmp_path / "raw", **given)

    return run


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refused(call, *words):
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


# When all goes well


def test_the_folder_has_the_listed_files_and_nothing_else(server, fetch):
    assert tree(fetch()) == server.files
    assert server.log == [(name, None) for name in NAMES]


def test_what_is_there_is_not_downloaded_again_nor_needs_a_server(server, fetch):
    written = [path.stat().st_mtime_ns for path in sorted(fetch().rglob("*"))]
    server.log.clear()
    folder = fetch(url="http://127.0.0.1:1")
    assert [path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))] == written
    assert not server.log


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:9] + b"?" + data[10:], lambda data: b""])
def test_a_damaged_file_is_noticed_and_replaced(server, fetch, damage):
    folder = fetch()
    server.log.clear()
    (folder / NAMES[1]).write_bytes(damage(server.files[NAMES[1]]))
    assert tree(fetch()) == server.files
    assert server.log == [(NAMES[1], None)]


def test_other_files_in_the_folder_are_left_alone(server, fetch):
    (fetch() / "participants.tsv").write_text("mine")
    (fetch() / NAMES[0]).unlink()
    assert tree(fetch()) == server.files | {"participants.tsv": b"mine"}


# When the connection fails


def test_a_broken_connection_is_resumed_from_the_byte_it_reached(server, fetch, tmp_path):
    server.faults[NAMES[0]] = ["drop"]
    refused(lambda: fetch(patience=Patience(5.0, 1, 0.0)), server.url, "broke off", "run again")
    (part,) = (tmp_path / "raw").rglob("*.part")
    reached = part.stat().st_size
    assert 0 < reached < SIZE
    assert not (tmp_path / "raw" / NAMES[0]).exists()

    server.log.clear()
    assert tree(fetch()) == server.files
    assert server.log == [(NAMES[0], f"bytes={reached}-"), (NAMES[1], None), (NAMES[2], None)]


def test_a_connection_that_breaks_again_and_again_still_gets_there(server, fetch):
    server.faults[NAMES[0]] = ["drop"] * 4
    assert tree(fetch(patience=Patience(5.0, 2, 0.0))) == server.files  # each brought something, so no two in a row
    assert len([path for path, _ in server.log if path == NAMES[0]]) == 5


def test_a_server_without_ranges_is_asked_for_the_whole_file_again(server, fetch):
    server.ranges = False
    server.faults[NAMES[0]] = ["drop"]
    assert tree(fetch()) == server.files
    assert [asked is None for path, asked in server.log if path == NAMES[0]] == [True, False]


def test_a_server_without_ranges_that_always_breaks_off_is_given_up(server, fetch):
    server.ranges = False
    server.faults[NAMES[0]] = ["drop"] * 20
    refused(fetch, "broke off")
    assert len(server.log) == FAST.attempts


def test_a_killed_download_goes_on(server, fetch, tmp_path):
    server.faults[NAMES[1]] = ["stall"]
    code = (
        "import sys; from alphagan.preparation.cohorts import openneuro; openneuro.download('ds002748', *sys.argv[1:])"
    )
    arguments = [str(tmp_path / "raw"), server.url, str(tmp_path / "list.txt")]
    with subprocess.Popen([sys.executable, "-c", code, *arguments]) as process:
        part = tmp_path / "raw" / ".incoming" / f"{NAMES[1]}.part"
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    server.release.set()
    reached = part.stat().st_size
    assert [name for name in NAMES if (tmp_path / "raw" / name).exists()] == NAMES[:1]

    server.log.clear()
    assert tree(fetch()) == server.files  # and nothing of what the killed one left
    assert server.log == [(NAMES[1], f"bytes={reached}-"), (NAMES[2], None)]


def test_a_file_that_was_complete_when_killed_is_not_asked_for_again(server, fetch, tmp_path):
    part = tmp_path / "raw" / ".incoming" / f"{NAMES[0]}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server.files[NAMES[0]])
    assert tree(fetch()) == server.files
    assert NAMES[0] not in dict(server.log)


@pytest.mark.parametrize("known_size", [True, False])
@pytest.mark.parametrize("content", [b"<html>log in</html>" * 20_000, b"<html>log in</html>"])
def test_wrong_bytes_from_an_earlier_download_are_thrown_away(server, fetch, tmp_path, content, known_size):
    part = tmp_path / "raw" / ".incoming" / f"{NAMES[0]}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    listed = tmp_path / "list.txt"
    if not known_size:
        listed.write_text(listed.read_text().replace(f" {SIZE} ", " - "))
    assert tree(fetch()) == server.files


@pytest.mark.parametrize("status", [503, 500, 429])
def test_a_server_that_is_busy_is_asked_again(server, fetch, status):
    server.faults[NAMES[0]] = [status] * (FAST.attempts - 1)
    assert tree(fetch()) == server.files
    assert len(server.log) == len(NAMES) + FAST.attempts - 1


def test_a_server_that_stays_busy_is_given_up(server, fetch):
    server.faults[NAMES[0]] = [503] * 20
    refused(fetch, f"{server.url}/{NAMES[0]}", "503", "run again", "mirror")
    assert len(server.log) == FAST.attempts


def test_pauses_double(server, fetch, monkeypatch):
    pauses = []
    monkeypatch.setattr(downloads, "sleep", pauses.append)
    server.faults[NAMES[0]] = [503] * 20
    refused(lambda: fetch(patience=Patience(5.0, 4, 0.5)), "503")
    assert pauses == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("status", [404, 403])
def test_a_file_that_is_not_there_is_not_asked_for_twice(server, fetch, status):
    server.faults[NAMES[1]] = [status]
    refused(fetch, f"{server.url}/{NAMES[1]}", str(status), "mirror")
    assert [path for path, _ in server.log] == NAMES[:2]


# When the content is wrong


def test_a_corrupt_file_is_downloaded_again_from_its_beginning(server, fetch):
    server.faults[NAMES[0]] = ["corrupt"]
    assert tree(fetch()) == server.files
    assert server.log[:2] == [(NAMES[0], None)] * 2


def test_a_file_that_stays_corrupt_is_refused_and_leaves_nothing(server, fetch, tmp_path):
    server.faults[NAMES[1]] = ["corrupt"] * 20
    md5 = hashlib.md5(server.files[NAMES[1]]).hexdigest()
    refused(fetch, f"{server.url}/{NAMES[1]}", md5, "mirror")
    assert tree(tmp_path / "raw") == {NAMES[0]: server.files[NAMES[0]]}
    assert len(server.log) == 1 + FAST.attempts


def test_a_damaged_file_stays_until_there_is_a_better_one(server, fetch):
    folder = fetch()
    (folder / NAMES[0]).write_bytes(b"damaged")
    server.faults[NAMES[0]] = ["corrupt"] * 20
    refused(fetch, NAMES[0])
    assert (folder / NAMES[0]).read_bytes() == b"damaged"


# When there is no server


def test_no_server_is_one_clear_line(fetch):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    refused(lambda: fetch(url=f"http://127.0.0.1:{port}"), str(port), "cannot be reached", "connect to the internet")


def test_a_name_that_does_not_resolve_is_one_clear_line(fetch, monkeypatch):
    def fail(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    refused(lambda: fetch(url="https://scans.example"), "scans.example", "does not resolve", "connect to the internet")


def test_a_server_that_does_not_answer_is_one_clear_line(fetch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        refused(lambda: fetch(url=url, patience=Patience(0.05, 2, 0.0)), url, "no answer in time")


@pytest.mark.parametrize("url", ["s3.amazonaws.com/openneuro.org", "s3://openneuro.org/ds002748"])
def test_an_address_that_is_none_is_one_clear_line(fetch, url):
    refused(lambda: fetch(url=url), url, "https://")


def test_a_folder_that_cannot_be_written_to_is_one_clear_line(fetch, tmp_path):
    (tmp_path / "raw").write_text("a file")
    refused(fetch, str(tmp_path / "raw"), "cannot be written to")


# Registries


def test_ds002748_has_72_people_with_plausible_sizes_and_checksums():
    files = openneuro.read_registry(openneuro.REGISTRY / "ds002748.txt")
    assert [file.path for file in files] == [f"sub-{n:02}/anat/sub-{n:02}_T1w.nii.gz" for n in range(1, 73)]
    assert all(2.5e6 < file.size < 4.5e6 for file in files)
    assert all(re.fullmatch("[0-9a-f]{32}", file.md5) for file in files)
    assert len({file.md5 for file in files}) == 72
    assert sum(file.size for file in files) == 241_168_479  # bytes, the sum over the data set's own keys


def test_every_data_set_has_a_registry_and_an_entry_in_the_schema():
    assert {path.stem for path in openneuro.REGISTRY.glob("*.txt")} == set(openneuro.DATASETS)
    for name in openneuro.DATASETS:
        assert OpenneuroCohort(kind="openneuro", source="x", dataset=name, folder="y").dataset == name
        assert openneuro.read_registry(openneuro.REGISTRY / f"{name}.txt")


@pytest.mark.parametrize(
    "line", ["a.nii.gz 12", "a.nii.gz 12 " + "g" * 32, "../a 12 " + "0" * 32, "/a 12 " + "0" * 32, "a b 12 " + "0" * 32]
)
def test_a_broken_line_of_a_registry_is_named(tmp_path, line):
    (tmp_path / "list.txt").write_text(f"# comment\n{line}\n")
    refused(lambda: openneuro.read_registry(tmp_path / "list.txt"), "list.txt, line 2", "MD5")


def test_a_registry_that_is_missing_is_named(fetch, tmp_path):
    refused(lambda: fetch(registry=tmp_path / "none.txt"), "none.txt", "source")


# Cohorts


def cohort(server, tmp_path, dataset="ds002748"):
    listed = registry(tmp_path, server.files)
    return OpenneuroCohort(
        kind="openneuro", source=str(listed), dataset=dataset, folder=str(tmp_path / "raw"), url=server.url
    )


def test_scans_of_ds002748_are_found_by_downloading_them(server, tmp_path):
    scans = find_scans(cohort(server, tmp_path))
    assert [(scan.subject, scan.session, scan.modality, scan.mask) for scan in scans] == [
        (f"0{n}", "", "T1w", None) for n in (1, 2, 3)
    ]
    assert [scan.image for scan in scans] == [tmp_path / "raw" / name for name in NAMES]


def archive(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def test_ixi_asks_for_brain_masks_and_then_finds_both(server, tmp_path):
    heads = {f"IXI00{n}-Guys-080{n}-T1.nii.gz": bytes([n]) * 5000 for n in (2, 3)}
    server.files = {"IXI-T1.tar": archive(heads | {"._IXI002-Guys-0802-T1.nii.gz": b"", "../evil-T1.nii.gz": b"x"})}
    ixi, folder = cohort(server, tmp_path, "ixi"), tmp_path / "raw"

    message = refused(lambda: find_scans(ixi), str(folder / "masks"), "mri_synthstrip")
    assert not list(tmp_path.parent.glob("evil*")) + list(tmp_path.glob("evil*")) + list(folder.glob("evil*"))
    (folder / "heads" / "evil-T1.nii.gz").unlink()
    assert {p.name: p.read_bytes() for p in (folder / "heads").iterdir()} == heads

    # The command in the message makes what is asked for, whatever tool stands behind its name.
    tool = tmp_path / "mri_synthstrip"
    tool.write_text('#!/bin/sh\ncp "$2" "$4"\n')
    tool.chmod(0o755)
    command = message.partition("make them once: ")[2]
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", command], check=True, env={**os.environ, "PATH": path})
    scans = find_scans(ixi)
    assert [(scan.subject, scan.image.name, scan.mask) for scan in scans] == [
        (name[:6], name, folder / "masks" / name) for name in heads
    ]


def test_an_interrupted_unpacking_is_completed(server, tmp_path):
    heads = {f"IXI00{n}-HH-080{n}-T1.nii.gz": bytes([n]) * 5000 for n in (2, 3)}
    server.files = {"IXI-T1.tar": archive(heads)}
    ixi = cohort(server, tmp_path, "ixi")
    refused(lambda: find_scans(ixi))
    folder = tmp_path / "raw" / "heads"
    (folder / "IXI002-HH-0802-T1.nii.gz").write_bytes(b"cut")
    (folder / "IXI003-HH-0803-T1.nii.gz").unlink()
    refused(lambda: find_scans(ixi))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == heads


# The command line


def test_command_downloads_and_prints_the_folder(server, tmp_path, monkeypatch, capsys):
    registry(tmp_path, server.files, "ds002748.txt")
    monkeypatch.setattr(openneuro, "REGISTRY", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["download", "ds002748", "--url", server.url]) == 0
    assert capsys.readouterr().out == "data/raw/ds002748\n"
    assert tree(tmp_path / "data" / "raw" / "ds002748") == server.files


def test_command_offline_prints_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(downloads, "sleep", lambda seconds: None)
    assert main(["download", "ds002748", "-o", str(tmp_path / "raw"), "--url", "http://127.0.0.1:1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "sub-01_T1w.nii.gz" in line
    assert not list((tmp_path / "raw").glob("sub-*"))
