"""The benchmark answers, with ratios that belong to its seconds."""

import json

import pytest
import torch

from alphagan import __main__


@pytest.mark.slow
def test_bench_prints_json(capsys):
    assert __main__.main(["bench", "--size", "16", "--batch", "2", "--repeats", "1", "--only-step", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["what"]: row for row in found["rows"]}
    step = rows["step, float32, BatchNorm as published"]
    assert step["textbook_s"] / step["alphagan_s"] == pytest.approx(step["ratio"])
    assert 0 < rows["memory of the step, float32"]["ratio"] < 1
    assert rows["step, bf16, critics without BatchNorm"]["share_of_bf16_matrix_rate"] > 0
    assert found["bf16_matrix_flops_per_s"] > 0
    if not torch.cuda.is_available():  # said, not left out
        assert rows["step and sampling, batch 4"]["status"] == "not run: no GPU"
