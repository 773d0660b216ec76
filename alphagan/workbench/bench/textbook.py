"""The training step as one would first write it: the competitor of the benchmark, and the reference of the tests.

Up-sample then convolve, PyTorch's own layers, float32, default memory layout, one Adam call per parameter, every loss
on freshly computed tensors, nothing frozen, nothing reused.
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alphagan.models.build import build
from alphagan.models.networks import LEAK, stages
from alphagan.settings.sections import Model, Train


class Textbook:
    """3D-alpha-WGAN-GP, equations (1) to (3), with the initial weights that alphagan draws from the same seed.

    Parameters
    ----------
    size : int
        Side S of the cube.
    model : Model
    train : Train

    Attributes
    ----------
    networks : dict of Module
        "G", "E", "D", "C"; their parameters come in the order of alphagan's.
    """

    def __init__(self, size: int, model: Model, train: Train):
        self.model = model
        self.networks = {
            "G": _generator(size, model),
            "E": _discriminator(size, model.z_dim, model.width, "batch"),
            "D": _discriminator(size, 1, model.width, model.critic_norm),
            "C": _code_critic(model),
        }
        with torch.no_grad():
            for name, ours in build(size, model, train.seed).items():
                for plain, parameter in zip(self.networks[name].parameters(), ours.parameters(), strict=True):
                    plain.copy_(parameter)
        self.G, self.E, self.D, self.C = (self.networks[name] for name in "GEDC")
        self.l1_weight = model.lambda2 * (size**1.5 if model.reconstruction == "balanced" else 1.0)
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), lr=train.lr, betas=tuple(train.betas), foreach=False)
            for name, network in self.networks.items()
        }

    def losses(self, x_first: Tensor, x_second: Tensor, generator: torch.Generator) -> Iterator[tuple[dict, Tensor]]:
        """Yield (networks to update, loss) in the paper's order, each to be used before the next is asked for."""
        G, E, D, C = self.G, self.E, self.D, self.C
        z_enc, z_rand = E(x_first), self._codes(x_first, generator)
        x_rec, x_rand = G(z_enc), G(z_rand)
        L_G = -D(x_rec).mean() - D(x_rand).mean() + self.l1_weight * F.l1_loss(x_rec, x_first)
        yield {"E": 1, "G": self.model.generator_steps}, L_G - C(z_enc).mean()

        z_rand = self._codes(x_second, generator)
        x_rec, x_rand = G(E(x_second)).detach(), G(z_rand).detach()
        L_D = D(x_rec).mean() + D(x_rand).mean() - 2 * D(x_second).mean()
        for x_fake in (x_rec, x_rand):
            L_D = L_D + self.model.lambda1 * _penalty(D, x_second, x_fake, generator)
        yield {"D": 1}, L_D

        z_enc = E(x_second).detach()
        penalty = _penalty(C, z_rand, z_enc, generator)
        yield {"C": 1}, C(z_enc).mean() - C(z_rand).mean() + self.model.lambda1 * penalty

    def step(self, x_first: Tensor, x_second: Tensor, generator: torch.Generator) -> None:
        """One iteration on two batches of real volumes."""
        for updates, loss in self.losses(x_first, x_second, generator):
            for optimiser in self.optimisers.values():
                optimiser.zero_grad()
            loss.backward()
            for name, n_steps in updates.items():
                for _ in range(n_steps):
                    self.optimisers[name].step()

    def _codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return torch.randn(len(x), self.model.z_dim, dtype=x.dtype, device=x.device, generator=generator)


def _penalty(critic: nn.Module, real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    shape = (len(real),) + (1,) * (real.ndim - 1)
    e = torch.rand(shape, dtype=real.dtype, device=real.device, generator=generator)
    x_hat = (e * real + (1 - e) * fake).requires_grad_()
    gradient = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)[0]
    return ((torch.sqrt(gradient.flatten(1).square().sum(1) + 1e-15) - 1) ** 2).mean()


def _generator(size: int, model: Model) -> nn.Module:
    side, channels = stages(size, model.width)
    inwards = channels[::-1]
    layers = [nn.Unflatten(1, (model.z_dim, 1, 1, 1)), nn.ConvTranspose3d(model.z_dim, inwards[0], side, bias=False)]
    for n_in, n_out in pairwise(inwards):
        layers += [nn.BatchNorm3d(n_in), nn.ReLU(), nn.Upsample(scale_factor=2)]
        layers += [nn.Conv3d(n_in, n_out, 3, padding=1, bias=False)]
    layers += [nn.BatchNorm3d(inwards[-1]), nn.ReLU(), nn.Upsample(scale_factor=2)]
    return nn.Sequential(*layers, nn.Conv3d(inwards[-1], 1, 3, padding=1, bias=False), nn.Tanh())


def _discriminator(size: int, n_out: int, width: float, norm: str) -> nn.Module:
    side, channels = stages(size, width)
    layers = [nn.Conv3d(1, channels[0], 4, stride=2, padding=1), nn.LeakyReLU(LEAK)]
    for n_in, n_next in pairwise(channels):
        layers.append(nn.Conv3d(n_in, n_next, 4, stride=2, padding=1))
        layers += {"batch": [nn.BatchNorm3d(n_next)], "group": [nn.GroupNorm(1, n_next)], "none": []}[norm]
        layers.append(nn.LeakyReLU(LEAK))
    return nn.Sequential(*layers, nn.Conv3d(channels[-1], n_out, side), nn.Flatten())


def _code_critic(model: Model) -> nn.Module:
    layers = []
    for n_in in (model.z_dim, model.code_units):
        norms = {"batch": nn.BatchNorm1d(model.code_units), "group": nn.GroupNorm(1, model.code_units)}
        layers += [nn.Linear(n_in, model.code_units), norms.get(model.critic_norm, nn.Identity()), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers, nn.Linear(model.code_units, 1))
