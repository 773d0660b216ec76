"""The moving average of G, and BatchNorm statistics that belong to the weights."""

import pytest
import torch
from factories import tiny_settings, write_prepared

from alphagan.models.networks import Encoder, Generator
from alphagan.training.averaging import recalibrate, update_average
from alphagan.training.distributed import World
from alphagan.training.engine import Training
from alphagan.volumes.prepared import Volumes


def test_average_follows_the_weights():
    average, network = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        average.weight.fill_(0.0)
        network.weight.fill_(1.0)
    update_average(average, network, decay=0.9, iteration=10**6)
    assert average.weight.item() == pytest.approx(0.1)
    update_average(average, network, decay=0.9, iteration=0)  # early on, the newest weights count most
    assert average.weight.item() == pytest.approx(0.1 + 0.9 * 0.9)


def test_recalibration_gives_eval_mode_the_statistics_of_the_weights():
    torch.manual_seed(0)
    G = Generator(16, 8, width=1 / 8)
    with torch.no_grad():
        G.layers[0].weight.mul_(50)  # the running statistics (mean 0, variance 1) are now far from true
    z = torch.randn(256, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wrong = G.eval()(z).std(0).mean()
        reference = G.train()(z).std(0).mean()
        recalibrate(G, torch.randn(16, 32, 8, generator=torch.Generator().manual_seed(2)))
        right = G(z).std(0).mean()
    assert not G.training
    assert abs(right - reference) < 0.05 * reference < abs(wrong - reference)


@pytest.mark.parametrize("n_scans", [1, 2, 33])
def test_normalised_codes_have_the_statistics_of_all_training_scans(tmp_path, n_scans):
    """Whatever their number: batches that are left over must not hold a single scan."""
    settings = tiny_settings(model={"codes": "normalised", "joint_batch": True}, iterations=2)
    volumes = Volumes(write_prepared(tmp_path / "p", n=55))
    model, rows = Training(settings, World(torch.device("cpu"))), volumes.rows("train")[:n_scans]
    model.step(volumes, rows)
    E = Encoder(16, 8, 0.0625, normalised=True)
    E.load_state_dict(model.weights(volumes, rows)["E"])
    codes = E.eval()(volumes.tensor(rows)).detach()
    assert codes.isfinite().all()
    if n_scans > 2:
        torch.testing.assert_close(codes.mean(0), torch.zeros(8), atol=0.2, rtol=0)
        torch.testing.assert_close(codes.std(0), torch.ones(8), atol=0.4, rtol=0)
