"""What a training will need, from its settings alone: parameters, arithmetic, memory and time."""

from dataclasses import dataclass

import torch

from alphagan.models.build import build
from alphagan.models.description import n_parameters
from alphagan.models.networks import stages
from alphagan.settings.sections import Model


@dataclass(frozen=True)
class Plan:
    """Needs of one training step of alpha_wgan_gp on one device.

    Parameters
    ----------
    parameters : dict of int
        Of each network.
    flops : float
        Floating-point operations of the step's large products.
    state_bytes : int
        Parameters, both moments of Adam, and the moving average of G: there all the time.
    step_bytes : int
        Gradients and activations at their peak.
    """

    parameters: dict[str, int]
    flops: float
    state_bytes: int
    step_bytes: int

    @property
    def memory_bytes(self) -> int:
        """All together."""
        return self.state_bytes + self.step_bytes

    def seconds(self, flops_per_s: float) -> float:
        """Time of a step on a device that computes the large products at this rate."""
        return self.flops / flops_per_s


def plan(size: int, batch: int, model: Model, precision: str = "float32", recomputed: bool = False) -> Plan:
    """Estimate what one step needs on one device.

    Parameters
    ----------
    size, batch : int
        Side of the cube; volumes of each batch on this device.
    model : Model
    precision : {"float32", "bf16"}
    recomputed : bool
        `train.checkpoint_activations`.

    Notes
    -----
    The peak is where E and G learn, or where the critics do. E and G: their gradients, the largest weight once more,
    whose gradient arrives in two parts, and the activations of E, G and D for one batch: a convolution and what
    BatchNorm makes of it, while the rectifier works in place. Critics: all three batches of scores in one call, or one
    penalty with its first derivative where BatchNorm forbids that. Both: gradients of the largest cube, in float32.
    """
    with torch.device("meta"):
        networks = build(size, model)
    parameters = {name: n_parameters(network) for name, network in networks.items()}
    largest = max(p.numel() for name in "EG" for p in networks[name].parameters())
    kept = 2 if precision == "bf16" else 4  # bytes
    _, channels = stages(size, model.width)
    cubes = [n_out * side**3 for _, n_out, side in _convolutions(size, channels)]
    autoencoder = 4 * (parameters["E"] + parameters["G"] + largest)
    autoencoder += batch * (_activation_bytes(size, cubes, model, recomputed, kept) + 4 * cubes[0])
    scores = 3 * (2 * cubes[0] + sum(cubes)) if model.critic_norm != "batch" else 4 * sum(cubes)
    critics = 4 * (parameters["D"] + parameters["C"]) + batch * (kept * scores + 4 * cubes[0] + 16 * size**3)
    state = 3 * sum(parameters.values()) + parameters["G"]
    return Plan(parameters, step_flops(size, batch, model), 4 * state, max(autoencoder, critics))


def step_flops(size: int, batch: int, model: Model) -> float:
    """Floating-point operations of one step's large products; 1.16e12 for the paper's at 64 cubed and batch 4.

    In forward passes of G, D or E, which cost the same: 13 to learn E and G, 3 for the critics' fakes, 9 for their
    scores, and for each penalty 6, or 4 where the critic is piecewise linear and second derivatives vanish.
    """
    _, channels = stages(size, model.width)
    macs = sum(64 * n_in * n_out * side**3 for n_in, n_out, side in _convolutions(size, channels))
    penalties = (1 if model.penalty == "either" else 2) * (4 if model.critic_norm == "none" else 6)
    return 2.0 * macs * (13 + 3 + 9 + penalties) * batch


def _convolutions(size: int, channels: list[int]) -> list[tuple[int, int, int]]:
    """Channels in and out of every strided convolution, and the side of what it makes."""
    return [
        (n_in, n_out, size >> stage)
        for stage, (n_in, n_out) in enumerate(zip([1, *channels[:-1]], channels, strict=True), 1)
    ]


def _activation_bytes(size: int, cubes: list[int], model: Model, recomputed: bool, kept: int) -> int:
    """Memory of a volume in E (float32), G and D (`kept` bytes a number), whose stages make `cubes`, largest first."""
    if recomputed:  # G's last block in full, and its gradients
        return 4 * sum(cubes[1:]) + kept * (2 * sum(cubes[1:]) + 2 * size**3 + 4 * cubes[0])
    E = cubes[0] + 2 * sum(cubes[1:])
    D = cubes[0] + (1 if model.critic_norm == "none" else 2) * sum(cubes[1:])
    return 4 * E + kept * (D + 2 * sum(cubes) + 2 * size**3)


def describe(plan: Plan, iterations: int, gpus: int, flops_per_s: float, whence: str) -> str:
    """Put a plan into words."""
    counts = ", ".join(f"{name} {n / 1e6:.3g}" for name, n in plan.parameters.items())
    seconds, hours = plan.seconds(flops_per_s), plan.seconds(flops_per_s) * iterations / 3600
    state, step = (f"{n / 1e9:.3g}" for n in (plan.state_bytes, plan.step_bytes))
    lines = [
        f"parameters  {sum(plan.parameters.values()) / 1e6:.3g} million ({counts})",
        f"arithmetic  {plan.flops * gpus / 1e12:.3g} TFLOP a step, shared by {gpus} device{'s' * (gpus > 1)}",
        f"memory      {plan.memory_bytes / 1e9:.3g} GB on each device: {state} parameters, Adam and moving average, "
        f"{step} gradients and activations",
        f"time        {seconds:.3g} s a step, {hours:.3g} h for {iterations} iterations",
        f"            at {flops_per_s / 1e12:.3g} TFLOP/s on each device ({whence})",
    ]
    return "\n".join(lines)
