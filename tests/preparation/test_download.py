"""Downloads survive broken connections, wrong bytes and servers that are busy, slow or not there."""

import hashlib
import signal
import socket
import subprocess
import sys
import time

import pytest
from servers import FAST, NAMES, SIZE, refused, tree

from alphagan.preparation.cohorts import download as downloads
from alphagan.preparation.cohorts.download import Patience


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
