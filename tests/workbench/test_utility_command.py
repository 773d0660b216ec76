"""`alphagan utility` writes what came out, goes on where it was, and says in a line what is wrong."""

import json

import pytest
import yaml
from ageing import PARAMS, write_people

from alphagan.__main__ import main
from alphagan.files import held
from alphagan.settings.config import load
from alphagan.settings.paths import Paths
from alphagan.utility.design import design

SHORT = {"seeds": 2, "folds": None, "people": [12], "curve": [16], "copies": 1, "n_generated": 16, "updates": 10}
AGES = [20 + 1.1 * person for person in range(54)]


@pytest.fixture
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_people(tmp_path / "data" / "prepared" / "tiny", AGES)

    def asked(*options, **utility):
        content = PARAMS | {"utility": PARAMS["utility"] | SHORT | utility}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
        return main(["utility", *options])

    return asked


def test_one_seed_after_the_other_gives_what_both_together_give(inside, tmp_path, capsys):
    for seed in "01":
        assert inside("--only-seed", seed) == 0
        assert not (tmp_path / "reports").exists()
    done = [line for line in capsys.readouterr().err.splitlines() if ": part " in line]
    assert len(done) == 2 * 5
    assert inside() == 0
    said = capsys.readouterr()
    assert ": part " not in said.err and "| 12 | + α-WGAN-GP |" in said.out
    assert "To say the mean age of 12 people errs by " in said.out
    assert said.out.endswith("reports/utility/tiny\n")
    folder = tmp_path / "reports" / "utility" / "tiny"
    assert {path.name for path in folder.iterdir()} == {"utility.json", "table.md", "errors.png", "errors.pdf"}
    found = json.loads((folder / "utility.json").read_text())
    assert found["design"]["people"] == 54 and found["design"]["tested"] == 10
    assert found["design"]["models"]["alpha_wgan_gp"]["train"]["iterations"] == 2
    assert set(found["findings"]["16"]) == {"real", "classical"} and "p_holm" in found["findings"]["12"]["memoriser"]
    assert found["findings"]["12"]["real"]["error"]["n"] == 10
    chosen = design(load(tmp_path / "params.yaml"), "tiny", Paths(tmp_path))
    guessed = [
        abs(chosen.people.ages[cell.train].mean() - age)
        for cell, source, _ in chosen.parts()
        if (cell.n, source) == (12, "real")
        for age in chosen.people.ages[cell.test]
    ]
    assert found["guess"]["error"]["value"] == pytest.approx(sum(guessed) / len(guessed), rel=1e-4)


def test_what_is_wrong_is_said_in_a_line(inside, tmp_path, capsys):
    assert inside("--only-seed", "2") == 2
    assert "--only-seed: 2 is none of utility.seeds, 0 to 1" in capsys.readouterr().err
    folder = design(load("params.yaml"), "tiny", Paths()).folder
    folder.mkdir(parents=True)
    with held(folder / ".seed-1.lock"):
        assert inside() == 2
    assert "another process runs seed 1" in capsys.readouterr().err
    assert inside(experiments=["without"]) == 2
    assert "has no encoder" in capsys.readouterr().err
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    del params["utility"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    assert main(["utility", "tiny"]) == 2
    assert "no section utility; copy that of presets/utility_simulated.yaml" in capsys.readouterr().err
