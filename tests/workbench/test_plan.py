"""The plan of a training against what a step really takes."""

import pytest
import torch

from alphagan import __main__
from alphagan.settings.sections import Model, Train
from alphagan.workbench.bench.workers import AlphaganEngine, peak_bytes
from alphagan.workbench.plan import plan, step_flops

CPU = torch.device("cpu")


def test_the_papers_step():
    needs = plan(64, 4, Model())
    assert needs.parameters == {"G": 37_416_512, "E": 43_785_896, "D": 11_049_665, "C": 20_901_889}
    assert needs.flops == pytest.approx(1.16e12, rel=0.02)
    assert step_flops(64, 8, Model()) == 2 * step_flops(64, 4, Model())


def test_precision_and_recomputation_save_memory():
    full = plan(128, 8, Model())
    half, again = plan(128, 8, Model(), "bf16"), plan(128, 8, Model(), recomputed=True)
    assert max(half.step_bytes, again.step_bytes) < 0.9 * full.step_bytes
    assert half.state_bytes == full.state_bytes


@pytest.mark.slow
@pytest.mark.parametrize(("size", "batch", "norm", "precision", "recomputed"), [
    (32, 4, "batch", "float32", False),
    (64, 4, "batch", "float32", False),
    (32, 32, "batch", "float32", False),
    (32, 32, "batch", "bf16", False),
    (32, 32, "batch", "float32", True),
    (32, 32, "none", "float32", True),
])  # fmt: skip
def test_memory_is_planned_within_15_percent(size, batch, norm, precision, recomputed):
    # Short codes make large batches a matter of activations, long ones small batches a matter of parameters.
    model = Model(critic_norm=norm) if batch < 32 else Model(critic_norm=norm, z_dim=64, code_units=64)
    train = Train(batch_size=batch, device="cpu", precision=precision, checkpoint_activations=recomputed)
    engine = AlphaganEngine(size, batch, model, train, CPU)
    engine.step()
    needs = plan(size, batch, model, precision, recomputed)
    assert needs.memory_bytes == pytest.approx(needs.state_bytes + peak_bytes(engine.step, CPU), rel=0.15)


def test_command_line(capsys):
    assert __main__.main(["plan", "--size", "128", "--batch", "8", "--gpus", "8", "--tflops", "100"]) == 0
    printed = capsys.readouterr().out
    assert "million (G 44.5, E 60.6" in printed
    assert "shared by 8 devices" in printed
    assert __main__.main(["plan", "--batch", "3", "--gpus", "2"]) == 2
    assert "multiple of 2 devices" in capsys.readouterr().err
