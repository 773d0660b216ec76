"""All networks of a model at once, from its settings and a seed."""

from collections.abc import Collection

import torch
from torch import nn

from alphagan.models.networks import CodeCritic, Critic, Encoder, Generator
from alphagan.models.variational_encoder import VariationalEncoder
from alphagan.settings.sections import Model


def build(
    size: int,
    model: Model,
    seed: int = 0,
    names: str = "GEDC",
    departures: Collection[str] = (),
    dtype: torch.dtype | None = None,
) -> dict[str, nn.Module]:
    """Make a model's networks with PyTorch's default initialisation, drawn from `seed` alone.

    Parameters
    ----------
    size, model, seed, dtype
        As `alphagan.models.objective.Objective` has them.
    names : str
        Which networks, in the order of their initialisation; without C, E is variational.
    departures : collection of str
        Those of the released code that change a network: "patch_critic", "dense_encoder".

    Returns
    -------
    networks : dict
        {"G": Generator, "E": Encoder, "D": Critic, "C": CodeCritic}, or some of them, in training mode.
    """

    def encoder():
        # In float32 whatever the others have: rounding switches rectifiers, and E learns through those of three.
        if "C" in names:
            return Encoder(size, model.z_dim, model.width, model.codes == "normalised")
        return VariationalEncoder(size, model.z_dim, model.width, "dense_encoder" in departures)

    make = {
        "G": lambda: Generator(size, model.z_dim, model.width, dtype, model.head),
        "E": encoder,
        "D": lambda: Critic(size, model.width, model.critic_norm, "patch_critic" in departures, dtype),
        "C": lambda: CodeCritic(model.z_dim, model.code_units, model.critic_norm),
    }
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # and not those of GPUs, which would stay so
        return {name: make[name]() for name in names}
