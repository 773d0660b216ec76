"""Ctrl-C ends a command in one line, at whatever moment it comes."""

import builtins

import pytest

from alphagan.__main__ import main
from alphagan.workbench import commands


def interrupt(*args, **how):
    raise KeyboardInterrupt


def test_a_command_that_is_interrupted_says_so_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(commands, "list_scans", interrupt)
    assert main(["scans"]) == 130
    assert capsys.readouterr() == ("", "alphagan: interrupted\n")


def test_so_does_one_that_still_loads_what_it_needs(monkeypatch, capsys):
    original = builtins.__import__

    def interrupted(name, *args, **how):
        return interrupt() if name == "alphagan.workbench.pipeline" else original(name, *args, **how)

    monkeypatch.setattr(builtins, "__import__", interrupted)
    assert main(["repro"]) == 130
    assert capsys.readouterr().err == "alphagan: interrupted\n"


def test_debug_shows_where(monkeypatch):
    monkeypatch.setattr(commands, "list_scans", interrupt)
    with pytest.raises(KeyboardInterrupt):
        main(["--debug", "scans"])
