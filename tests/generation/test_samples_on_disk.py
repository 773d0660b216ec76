"""Samples and reconstructions on a disk that is full or read-only: one line, and every file whole."""

import nibabel
import numpy as np
import pytest
from disks import fill, read_only
from factories import tiny_settings
from trainings import trained

import alphagan
from alphagan.errors import InputError
from alphagan.generation.bids import write_bids
from alphagan.generation.nifti import write_samples
from alphagan.generation.reconstruction import write_reconstructions
from alphagan.volumes.prepared import Volumes


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("root"), tiny_settings())


def test_a_full_disk_leaves_whole_files(root, disk):
    fill(disk, leave=20_000)
    with pytest.raises(
        InputError, match=r"sample-\d+\.nii\.gz: could not be written \(No space left.*; make room there"
    ):
        write_samples(alphagan.load(root / "run"), 40, disk / "out")
    written = sorted((disk / "out").glob("*.nii.gz"))
    assert 0 < len(written) < 40 and len(list((disk / "out").iterdir())) == len(written) + 1  # and samples.json
    assert all(np.asarray(nibabel.load(path).dataobj).shape == (16, 16, 16) for path in written)


def test_a_sample_that_was_cut_or_emptied_is_made_again(root, tmp_path):
    run = alphagan.load(root / "run")
    paths = write_samples(run, 4, tmp_path / "out")
    whole = [path.read_bytes() for path in paths]
    paths[1].write_bytes(whole[1][: len(whole[1]) // 2])
    paths[2].write_bytes(b"")
    before = paths[0].stat().st_ino
    assert write_samples(run, 4, tmp_path / "out") == paths
    assert [path.read_bytes() for path in paths] == whole and paths[0].stat().st_ino == before


def test_samples_do_not_mix_with_other_volumes(root, tmp_path):
    run = alphagan.load(root / "run")
    write_samples(run, 2, tmp_path / "plain")
    with pytest.raises(InputError, match=r"plain: holds sample-000\d.nii.gz, which would lie among them; name a new"):
        write_bids(run, 2, tmp_path / "plain", "about", modality="T1w")
    write_bids(run, 2, tmp_path / "bids", "about", modality="T1w")
    with pytest.raises(InputError, match=r"bids: holds sub-syn\d+.anat.sub-syn\d+_desc-synthetic_T1w.nii.gz, which"):
        write_samples(run, 2, tmp_path / "bids", force=True)
    assert len(write_bids(run, 3, tmp_path / "bids", "about", modality="T1w")) == 3


def test_a_read_only_folder_is_named(root, disk):
    run, volumes = alphagan.load(root / "run"), Volumes(root / "prepared")
    (disk / "out").mkdir()
    with read_only(disk):
        for write in (
            lambda: write_samples(run, 2, disk / "out"),
            lambda: write_reconstructions(run, volumes, disk / "out"),
        ):
            with pytest.raises(
                InputError, match=r"out/.*: could not be written \(Read-only file system\); make it writable"
            ):
                write()
        with pytest.raises(InputError, match="new: cannot be made .*; name another folder"):
            write_samples(run, 2, disk / "new")
