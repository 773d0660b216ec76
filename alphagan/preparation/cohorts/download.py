"""Files from a web server into a folder, whatever the connection does: resumed, verified, then put in place whole."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import pooch
import requests
from tqdm import tqdm

from alphagan.errors import InputError

CHUNK = 2**16  # bytes
MIRROR = "name a mirror (the cohort's url, or --url)"


@dataclass(frozen=True)
class Patience:
    """How long to bear with a server: `attempts` in a row that bring nothing, each pause twice the last."""

    timeout_s: float = 30.0
    attempts: int = 5
    backoff_s: float = 1.0

    def pause(self, failures: int) -> None:
        """Wait after that many failures in a row."""
        sleep(self.backoff_s * 2 ** (failures - 1))


@dataclass(frozen=True)
class RemoteFile:
    """A file as a registry lists it: its path below both the server's address and the folder, bytes, and MD5.

    A size of None is one that is not known.
    """

    path: str
    size: int | None
    md5: str

    def is_in(self, folder: Path) -> bool:
        """Whether the folder has it, undamaged."""
        here = folder / self.path
        if not here.is_file() or self.size not in (None, here.stat().st_size):
            return False
        return pooch.file_hash(str(here), alg="md5") == self.md5


class ResumingDownloader:
    """A downloader for pooch that goes on where an earlier one stopped, even one that was killed.

    Bytes are collected in `part`, which outlives failures. They may be wrong (a proxy's login page, another version of
    the file): pooch's checksum decides, and throws all of them away if it does not agree.
    """

    def __init__(self, part: Path, size: int | None, session: requests.Session, patience: Patience, bar: tqdm):
        self.part, self.size, self.session, self.patience, self.bar = part, size, session, patience, bar
        self.start = bar.n

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Download `url` to `output_file`; the signature is pooch's.

        Raises
        ------
        InputError
            If the server refuses, or `patience` is at its end.
        """
        failures, furthest = 0, self._size()
        while True:
            try:
                self._get(url)
                break
            except requests.RequestException as error:
                failures = failures + 1 if self._size() <= furthest else 1
                furthest = max(furthest, self._size())
                if failures == self.patience.attempts or not _may_pass(error):
                    raise InputError(_explain(url, error)) from None
                self.patience.pause(failures)
        os.replace(self.part, output_file)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _get(self, url: str) -> None:
        done = self._size()
        if self.size is not None and done >= self.size:
            return
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
        with self.session.get(url, headers=headers, stream=True, timeout=self.patience.timeout_s) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable and done:
                return  # there is nothing after what is here
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            self.bar.n = self.start + done * resumed
            with self.part.open("ab" if resumed else "wb") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    self.bar.update(len(chunk))


def fetch(files: list[RemoteFile], url: str, folder: Path, patience: Patience) -> None:
    """Complete a folder: files that it lacks, or that are damaged, come from below `url`; all others are left alone.

    A file appears under its name only when it is whole and its checksum right. Until then, what there is of it waits
    in `folder`/.incoming for the next call.

    Raises
    ------
    InputError
        If the server cannot be reached, lacks a file or sends other content, or the folder cannot be written to.
    """
    missing = [file for file in files if not file.is_in(folder)]
    if not missing:
        return
    pooch.get_logger().setLevel("WARNING")  # the bar tells enough
    incoming = folder / ".incoming"
    total = None if any(file.size is None for file in missing) else sum(file.size for file in missing)
    try:
        with (
            requests.Session() as session,
            tqdm(total=total, desc=folder.name, unit="B", unit_scale=True, disable=None) as bar,
        ):
            for file in missing:
                downloader = ResumingDownloader(incoming / f"{file.path}.part", file.size, session, patience, bar)
                _fetch_one(file, f"{url.rstrip('/')}/{file.path}", incoming, downloader)
                (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(incoming / file.path, folder / file.path)
        shutil.rmtree(incoming)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written to ({error.strerror}); make room, or take another") from None


def _fetch_one(file: RemoteFile, url: str, folder: Path, downloader: ResumingDownloader) -> None:
    for attempt in range(downloader.patience.attempts):
        if attempt:
            downloader.patience.pause(attempt)
        try:
            pooch.retrieve(url, f"md5:{file.md5}", file.path, folder, downloader=downloader)
            return
        except ValueError:  # the checksum
            continue
    raise InputError(
        f"{url}: does not have the checksum {file.md5}, {downloader.patience.attempts} times over; "
        f"look for a proxy or login page in between, or {MIRROR}"
    )


def _may_pass(error: requests.RequestException) -> bool:
    """Tell a bad moment from a refusal."""
    if isinstance(error, requests.HTTPError):
        return error.response.status_code >= 500 or error.response.status_code in (408, 429)
    return not isinstance(error, ValueError)  # an address that is none


def _explain(url: str, error: requests.RequestException) -> str:
    """One line: what is wrong, and the cure."""
    again = "run again later, which goes on from here"
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code
        if _may_pass(error):
            return f"{url}: the server answers HTTP {status}; {again}, or {MIRROR}"
        return f"{url}: the server does not have it or refuses it (HTTP {status}); {MIRROR}"
    if isinstance(error, ValueError):
        return f"{url}: not an address; url begins with https://"
    if isinstance(error, requests.exceptions.SSLError):
        return f"{url}: the server's certificate is not trusted; behind a proxy, set REQUESTS_CA_BUNDLE"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{url}: the connection broke off repeatedly; {again}, or {MIRROR}"
    if "NameResolutionError" in repr(error):
        reason = "its name does not resolve"
    else:
        reason = "no answer in time" if isinstance(error, requests.Timeout) else "no connection"
    return f"{url}: the server cannot be reached ({reason}); connect to the internet and {again}, or {MIRROR}"
