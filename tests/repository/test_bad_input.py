"""docs/reliability.md counts the cases of bad input as they are, with messages as they are."""

import runpy

import pytest
from imports import ROOT

KINDS = {
    "scans": "preparation/test_bad_scans.py",
    "masks": "preparation/test_bad_masks.py",
    "tables: ADNI's list, BraTS' grades": "preparation/test_bad_tables.py",
    "tables: age and sex": "preparation/test_covariate_tables.py",
    "`params.yaml`": "settings/test_bad_params.py",
    "prepared cohorts": "volumes/test_bad_prepared.py",
    "run folders: `config.json`, `weights.pt`": "generation/test_bad_weights.py",
    "folders and options of `alphagan evaluate`": "report/test_bad_folders.py",
}


@pytest.fixture(scope="module")
def tables():
    return {kind: runpy.run_path(str(ROOT / "tests" / path)) for kind, path in KINDS.items()}


@pytest.fixture(scope="module")
def lines():
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    return text.partition("## Bad input\n")[2].partition("\n## ")[0].splitlines()


def test_cases_of_bad_input_are_counted(tables, lines):
    wanted = [f"| {kind} | {tables[kind]['N_CASES']} | `tests/{path}` |" for kind, path in KINDS.items()]
    wanted.append(f"| all | {sum(table['N_CASES'] for table in tables.values())} | |")
    missing = [line for line in wanted if not any(written.startswith(line) for written in lines)]
    assert not missing, "docs/reliability.md, section Bad input, should begin these lines so:\n" + "\n".join(wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_the_message_that_is_shown_is_one_of_them(tables, lines, kind):
    (shown,) = (line.split("|")[4] for line in lines if line.startswith(f"| {kind} |"))
    cases = [case for name, table in tables[kind].items() if name.startswith("REFUSED") for case in table.values()]
    told = [[words for words in case[1:] if isinstance(words, str)] for case in cases]
    assert any(len(says) > 1 and all(words in shown for words in says) for says in told), shown
