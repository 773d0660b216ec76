"""Free data sets: their lists of files, their cohorts, and the command that downloads them."""

import io
import os
import re
import subprocess
import tarfile

import pytest
from servers import NAMES, refused, registry, tree

from alphagan.__main__ import main
from alphagan.preparation.cohorts import download as downloads
from alphagan.preparation.cohorts import find_scans, openneuro
from alphagan.settings.cohorts import OpenneuroCohort


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
