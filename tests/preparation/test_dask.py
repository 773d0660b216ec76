"""A Dask cluster prepares what this machine's own processes do, and what is wrong with it is said in one line."""

import os
import sys
from pathlib import Path

import dask
import joblib
import pytest
from distributed import Client, LocalCluster
from scans import config_for, digests, head, truncated, write

from alphagan.errors import InputError
from alphagan.preparation import resample
from alphagan.preparation.prepare import prepare
from alphagan.settings.paths import Paths


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Nine people, one of them twice under another name, and a damaged scan."""
    folder = tmp_path_factory.mktemp("study")
    for person in range(9):
        write(folder / f"sub-{person}_T1w.nii.gz", head(person), axes=["RAS", "LIA"][person % 2])
    write(folder / "sub-other_T1w.nii", head(4))
    truncated(folder / "sub-damaged_T1w.nii.gz")
    return folder


@pytest.fixture(scope="module")
def cluster():
    before = dict(os.environ)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster
    # It leaves OMP_NUM_THREADS=1 and the like behind, which processes of later tests would take over.
    os.environ.clear()
    os.environ.update(before)


def elsewhere(*_):
    raise AssertionError("a scan was prepared by this process, not by the cluster")


@pytest.mark.slow
def test_a_cluster_prepares_the_same_bytes(study, cluster, tmp_path, monkeypatch):
    expected = digests(prepare("study", config_for(study, workers=2), Paths(tmp_path / "processes")))
    monkeypatch.setattr(resample, "prepare_scan", elsewhere)  # in this process; the workers have their own

    with Client(cluster), joblib.parallel_config("dask"):
        found = prepare("study", config_for(study, workers=-1), Paths(tmp_path / "lines"))
    assert digests(found) == expected

    monkeypatch.setenv("ALPHAGAN_DASK", cluster.scheduler_address)
    found = prepare("study", config_for(study, workers=1), Paths(tmp_path / "variable"))
    assert digests(found) == expected


@pytest.mark.slow
def test_workers_that_do_not_see_the_folder_say_so(study, cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("ALPHAGAN_DASK", cluster.scheduler_address)
    monkeypatch.chdir(tmp_path)  # the workers stay where they were started
    with pytest.raises(InputError, match=r"scratch/prepare/study/\w+: not found on .*; start every Dask worker in"):
        prepare("study", config_for(study), Paths(Path()))


def test_without_dask_the_error_says_what_to_install(study, tmp_path, monkeypatch):
    monkeypatch.setenv("ALPHAGAN_DASK", "tcp://127.0.0.1:8786")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match="ALPHAGAN_DASK: Dask is not installed; run `pip install"):
        prepare("study", config_for(study), Paths(tmp_path))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense"])
def test_a_scheduler_that_does_not_answer_is_named(study, tmp_path, monkeypatch, address):
    monkeypatch.setenv("ALPHAGAN_DASK", address)
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(InputError, match=f"ALPHAGAN_DASK: no Dask scheduler answers at '{address}'"),
    ):
        prepare("study", config_for(study), Paths(tmp_path))
