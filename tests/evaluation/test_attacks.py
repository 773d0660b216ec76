"""What an attacker asks of a run is asked as the run was trained."""

from types import SimpleNamespace

import torch

from alphagan.evaluation.memory import attacks
from alphagan.models.view import weigh_detail
from alphagan.settings.sections import Model


def test_the_critic_is_shown_detail_as_in_training():
    seen = []

    def D(x):
        seen.append(x)
        return x.flatten(1).sum(1)

    x = torch.rand(2, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for weight in (1.0, 3.0):
        model = Model(detail_weight=weight)
        run = SimpleNamespace(
            networks={"D": D, "G_average": None}, has_encoder=False, settings=SimpleNamespace(model=model)
        )
        scores = attacks(run, inversion_steps=0)["the critic's score"](x)
        assert torch.equal(seen[-1], weigh_detail(x, weight))
        assert torch.equal(scores, D(weigh_detail(x, weight)))
    assert not torch.equal(seen[0], seen[-1])
