"""`alphagan train` in two real processes stops, fails and goes on as in one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from factories import digests, free_port, write_prepared

RUN = Path("models", "tiny", "alpha_wgan_gp")


def project(folder: Path, devices: int) -> Path:
    """A folder with a prepared cohort and a params.yaml that trains on it."""
    write_prepared(folder / "data" / "prepared" / "tiny")
    params = {
        "cohorts": {"tiny": {"kind": "nifti", "source": "data/raw", "pattern": "{subject}.nii.gz"}},
        "experiments": {"e": {"cohort": "tiny", "model": "alpha_wgan_gp"}},
        "prepare": {"size": 16},
        "model": {"z_dim": 8, "width": 0.0625, "code_units": 16},
        "train": {"iterations": 60, "checkpoint_every": 5, "sample_every": 60, "device": "cpu", "devices": devices},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return folder


def train(folder: Path, *launcher: str) -> subprocess.Popen:
    """Start `alphagan train`, by itself or by what precedes it."""
    environment = {key: value for key, value in os.environ.items() if key != "WORLD_SIZE"} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, "-m", "alphagan", "train", "e"]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> int:
    return said(process)[0]


def said(process: subprocess.Popen) -> tuple[int, str]:
    """Exit status and stderr, which is shown if the test fails; a killed launcher's processes end by themselves."""
    try:
        message = process.communicate(timeout=600)[1]
    finally:
        process.kill()
    print(message)
    return process.returncode, message


def ranks(launcher: subprocess.Popen) -> list[int]:
    """Processes that a launcher started, in the order of their ranks."""
    found = {}
    for pid in Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split():
        for entry in Path(f"/proc/{pid}/environ").read_text().split("\0"):
            if entry.startswith("RANK="):
                found[int(entry.removeprefix("RANK="))] = int(pid)
    return [found[rank] for rank in sorted(found)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What two processes on one machine write if nothing happens to them."""
    folder = project(tmp_path_factory.mktemp("uninterrupted"), devices=2)
    assert finish(train(folder)) == 0
    return digests(folder / RUN)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes in /proc")
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, uninterrupted):
    """One process alone is asked to stop; then Ctrl-C; then their launcher is killed, which can tell them nothing."""
    folder, last = project(tmp_path, devices=2), ""
    for number, whom, status in [(signal.SIGTERM, 1, 143), (signal.SIGINT, None, 130), (signal.SIGKILL, None, -9)]:
        process = train(folder)
        while max((path.name for path in folder.glob("scratch/**/checkpoint-*.pt")), default="") <= last:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        started = ranks(process)
        assert len(started) == 2
        os.kill(process.pid if whom is None else started[whom], number)
        assert finish(process) == status
        patience = time.monotonic() + 60
        while any(Path(f"/proc/{pid}").exists() for pid in started):
            assert time.monotonic() < patience, "a process goes on"
            time.sleep(0.1)
        last = max(path.name for path in folder.glob("scratch/**/checkpoint-*.pt"))
        assert not (folder / "models").exists()
    assert finish(train(folder)) == 0
    assert digests(folder / RUN) == uninterrupted


@pytest.mark.slow
def test_two_agents_of_torchrun_equal_two_devices(tmp_path, uninterrupted):
    """As on two nodes, each with an agent of its own; how many devices params.yaml names is then of no account."""
    folder = project(tmp_path, devices=4)
    meeting = ("--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{free_port()}", "--rdzv-id", "test")
    torchrun = ("-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", *meeting)
    assert [finish(agent) for agent in [train(folder, *torchrun) for _ in range(2)]] == [0, 0]
    assert digests(folder / RUN) == uninterrupted


@pytest.mark.slow
def test_bad_input_of_many_processes_is_one_line(tmp_path):
    folder = project(tmp_path, devices=2)
    (folder / "data" / "prepared" / "tiny" / "volumes.npy").unlink()
    status, message = said(train(folder))
    assert status == 2
    assert message.count("alphagan: error:") == 1
    assert "volumes.npy: not found; run `alphagan prepare tiny` first" in message
    assert "Traceback" not in message
