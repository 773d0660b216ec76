"""`make env` is quiet where it succeeds, and says what pip said where it does not."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = """#!/bin/sh
case "$*" in
  *"pip install"*)
    echo "WARNING: Location is ignored"; echo "said $PIP_STATUS$PYTHONDONTWRITEBYTECODE" >&2; exit $PIP_STATUS ;;
esac
"""


@pytest.fixture
def make_env(tmp_path):
    """Run `make env` with a Python that only pretends to install."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(PYTHON)
    (tmp_path / "bin" / "python").chmod(0o755)

    def run(pip_status):
        command = ["make", "--no-print-directory", "env", f"VENV={tmp_path}"]
        environment = os.environ | {"PIP_STATUS": str(pip_status)}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    return run


def test_what_pip_says_goes_to_a_file(make_env, tmp_path):
    done = make_env(0)
    assert (done.returncode, done.stderr) == (0, "")
    assert "WARNING" not in done.stdout and f"{tmp_path}/install.log" in done.stdout
    assert (tmp_path / "install.log").read_text().count("WARNING: Location is ignored\nsaid 0\n") == 2
    assert (tmp_path / ".alphagan-installed").read_text().strip().isdigit()
    assert "Nothing to be done" in make_env(1).stdout


def test_what_is_imported_is_kept_compiled_whatever_the_environment_says(make_env, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    make_env(0)
    assert "said 0\n" in (tmp_path / "install.log").read_text()


def test_a_failure_is_shown_and_nothing_is_taken_for_installed(make_env, tmp_path):
    done = make_env(3)
    assert done.returncode == 2  # make's own, for any failure
    assert "WARNING: Location is ignored\nsaid 3\n" in done.stderr and f"{tmp_path}/install.log" in done.stderr
    assert not (tmp_path / ".alphagan-installed").exists()
