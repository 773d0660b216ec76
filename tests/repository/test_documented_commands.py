"""Commands in the documents are ones that alphagan, make and dvc know, with options that are theirs."""

import argparse
import contextlib
import io
import re
import shlex
import subprocess

import pytest
import yaml
from documents import DOCUMENTS, document
from imports import ROOT

from alphagan.__main__ import _parser
from alphagan.settings import config
from alphagan.settings.config import Config

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].keys()
BETWEEN = re.compile(r"&&|\|\||[;&|]")
BEFORE = re.compile(r"[A-Z_]+=\S*|srun|sudo|\(|\$")
REPLACED = {"cohorts", "experiments", "paper"}
OF_OTHERS = {"--temp", "--host", "--local-addr", "--slow", "-rf"}  # dvc exp, dask, torchrun, our tests; a person's name


def commands(text: str):
    """Words of each command of alphagan, make or dvc in lines of a shell."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in BETWEEN.split(re.sub(r"(^|\s)#.*", "", line)):
            try:
                words = shlex.split(part)
            except ValueError:  # a quote that another part closes
                continue
            while words and BEFORE.fullmatch(words[0]):
                words = words[1:]
            if "alphagan" in words and words[words.index("alphagan") - 1] == "-m":
                words = words[words.index("alphagan") :]
            if words and (name := words[0].rpartition("/")[2]) in ("alphagan", "make", "dvc"):
                yield [name, *words[1:]]


def refusal(words: list[str]) -> str:
    """Why a command cannot be given; "" where it can."""
    name, *rest = words
    if name == "make":
        unknown = [word for word in rest if "=" not in word and word not in TARGETS]
        return f"no target {unknown[0]}" if unknown else ""
    if name == "dvc":
        return _refusal_by_dvc(rest)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            _parser().parse_args(rest)
    except SystemExit:
        return said.getvalue().strip().splitlines()[-1]
    return ""


def _refusal_by_dvc(words: list[str]) -> str:
    from dvc.cli import DvcParserError, parse_args  # a second, paid only here

    try:
        with contextlib.redirect_stderr(io.StringIO()):
            known = parse_args(words)
    except DvcParserError:
        return "dvc does not know it"
    named = {target.partition("@")[0] for target in getattr(known, "targets", None) or []}
    return "".join(f"no stage {name}" for name in named - STAGES - {"STAGE"})


def subparsers(parser: argparse.ArgumentParser):
    """Commands of a parser, each after its own."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, known in action.choices.items():
                yield from subparsers(known)
                yield name, known


PARSERS = dict(subparsers(_parser()))
OPTIONS = {option for parser in (_parser(), *PARSERS.values()) for option in parser._option_string_actions}


def misnamed(span: str) -> set[str]:
    """Commands and options of alphagan that a span of code names, and that are not there."""
    words = re.sub(r"[\[\]]", " ", span).split()
    if words[:1] != ["alphagan"]:
        options = {words[0]} if words and re.fullmatch(r"--?[a-z][a-z0-9-]*", words[0]) else set()
        return options - OPTIONS - OF_OTHERS
    known, unknown = _parser(), set()
    for word in (word for word in words[1:] if not word.startswith("-")):
        if not (choices := dict(subparsers(known))):
            break
        known = choices.get(word, known)
        unknown |= {word} - choices.keys()
    options = {word for word in words if re.match(r"--?[a-z]", word)}
    return unknown | (options - known._option_string_actions.keys() - {"--debug"})


@pytest.mark.parametrize("where", DOCUMENTS, ids=str)
def test_commands_can_be_given_as_they_stand(where):
    shown = [text for language, text in document(where).blocks if language in ("", "bash")]
    asked = [words for text in shown for words in commands(text)]
    asked += [words for span in document(where).spans if span.startswith(("make ", "dvc ")) for words in commands(span)]
    assert not {shlex.join(words): why for words in asked if (why := refusal(words))}


@pytest.mark.parametrize("where", DOCUMENTS, ids=str)
def test_commands_and_options_that_are_named_are_there(where):
    shown = [span for span in document(where).spans if not span.startswith("alphagan needs")]  # a message
    assert not {span: wrong for span in shown if (wrong := misnamed(span))}


@pytest.mark.parametrize("where", DOCUMENTS, ids=str)
def test_scripts_and_parameters_are_valid(where):
    for language, text in document(where).blocks:
        if language == "bash" or (not language and text.startswith("#!")):
            done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
            assert not done.stderr
        elif language == "yaml":
            config.parse(completed(yaml.safe_load(text)))


def completed(shown: dict) -> dict:
    """Parameters that a document shows in part, as sections or as cohorts, in the place of those of params.yaml."""
    whole = yaml.safe_load((ROOT / "params.yaml").read_text())
    if not shown.keys() <= Config.model_fields.keys():
        return whole | {"cohorts": whole["cohorts"] | shown}
    return whole | {key: value if key in REPLACED else {**whole.get(key, {}), **value} for key, value in shown.items()}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("alphagan sample RUN -n 3 -o out  # a word", ""),
        ("ALPHAGAN_DASK=tcp://x:1 alphagan prepare mine", ""),
        ("torchrun --nproc-per-node 4 -m alphagan train ann", ""),
        ("cp a b && dvc repro train@mine", ""),
        ("make env && alphagan smaple RUN", "invalid choice"),
        ("alphagan sample RUN -o out --sede 1", "--sede"),
        ("alphagan train", "required"),
        ("torchrun --nproc-per-node 4 -m alphagan tarin ann", "invalid choice"),
        ("make repor", "no target"),
        ("dvc repor", "does not know"),
        ("dvc repro trian@mine", "no stage"),
    ],
)
def test_what_is_wrong_with_a_command_is_seen(line, why):
    *_, words = commands(line)
    assert why in refusal(words) and bool(why) == bool(refusal(words))


@pytest.mark.parametrize("span", ["alphagan smaple", "alphagan sample --sede", "alphagan cohort chek", "--sede"])
def test_a_name_that_is_wrong_is_seen(span):
    assert misnamed(span)
