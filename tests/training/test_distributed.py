"""Two processes on halves of a batch compute what one does on the whole."""

import os
import signal
from pathlib import Path

import pytest
import torch
from factories import free_port
from torch import nn

from alphagan.errors import InputError
from alphagan.models import OBJECTIVES
from alphagan.settings.cohorts import Augment
from alphagan.settings.sections import Model
from alphagan.training import distributed
from alphagan.training.distributed import World, join, synchronise
from alphagan.training.launch import launch
from alphagan.volumes.augmentation import augment

SIZE, BATCH = 16, 4
CPU = torch.device("cpu")
CASES = {
    "as published": ("alpha_wgan_gp", {"critic_norm": "batch"}),
    "group": ("alpha_wgan_gp", {"critic_norm": "group"}),
    "none": ("alpha_wgan_gp", {"critic_norm": "none"}),
    "one penalty": ("alpha_wgan_gp", {"critic_norm": "none", "penalty": "either"}),
    "recomputed": ("alpha_wgan_gp", {"critic_norm": "batch"}),
    "no BatchNorm": ("alpha_wgan_gp", {"critic_norm": "none"}),
    "alpha-GAN": ("alpha_gan", {}),
    "VAE-GAN": ("vae_gan", {}),
    "WGAN-GP": ("wgan_gp", {"critic_norm": "group"}),
}


def step(case: str, world: World) -> dict[str, torch.Tensor]:
    """Gradients, loss terms and statistics of one iteration of steepest descent, in float64."""
    family, changes = CASES[case]
    objective = OBJECTIVES[family](SIZE, Model(z_dim=6, width=1 / 16, code_units=12, **changes), seed=1)
    for network in objective.networks.values():
        network.double().recomputed = case == "recomputed"
        if case == "no BatchNorm":
            for name, module in list(network.layers.named_children()):
                if isinstance(module, nn.BatchNorm3d):
                    setattr(network.layers, name, nn.Identity())
        if world.size > 1:
            synchronise(network)
    numbers = torch.Generator().manual_seed(5)
    shape = (objective.n_batches, BATCH, 1, SIZE, SIZE, SIZE)
    scans = torch.rand(shape, dtype=torch.float64, generator=numbers) * 2 - 1
    draws, found = world.draws(torch.Generator().manual_seed(9)), {}
    for number, phase in enumerate(objective.phases):
        x_real = augment(scans[phase.batch, list(world.shard(range(BATCH)))], Augment(), draws)
        for name, network in objective.networks.items():
            network.requires_grad_(name in phase.updates)
        terms = phase.loss(x_real, draws, torch.Tensor.backward)
        world.average_gradients(objective.networks[name] for name in phase.updates)
        found |= {f"{number} {name}": world.mean(term.clone()) for name, term in terms.items()}
        for name in phase.updates:
            for key, parameter in objective.networks[name].named_parameters():
                found[f"{number} {name}.{key}"] = parameter.grad
                parameter.data -= 0.01 * parameter.grad
                parameter.grad = None
    for name, network in objective.networks.items():
        found |= {f"{name}.{key}": buffer for key, buffer in network.named_buffers()}
    return found


def work(rank: int, port: int, folder: Path) -> None:
    """Be one of two processes, and save what it finds."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with join(CPU) as world:
        found = {case: step(case, world) for case in CASES}
        found["stopped"], found["messages"] = stopped(world), messages(world)
        found["means"] = world.mean(torch.tensor([1.0 + rank, float("nan") if rank else 0.0]))
        torch.save(found, folder / f"{rank}.pt")


def stopped(world: World) -> tuple[list[int], int, int]:
    """Iterations after which a process looks, and the one after which it stops, when process 1 alone is asked to."""
    asked, looked = [], []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    for iteration in range(10):
        if iteration == 3 and world.rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        stop, look = world.agree(asked[0] if asked else 0, iteration == 1 and world.rank == 0)
        looked += [iteration] * look
        if stop:
            return looked, iteration, stop
    return looked, 0, 0


def messages(world: World) -> list[str]:
    """How a process fails when weights or settings differ, and when the first cannot write."""
    said, network = [], nn.Linear(2, 2)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    world.check_same("weights", {"G": network}, "settings")

    def full():
        raise InputError("disk full")

    def differing():
        with torch.no_grad():
            network.bias[1] += 1e-7 * world.rank
        world.check_same("weights", {"G": network})

    actions = (differing, lambda: world.check_same("settings", {}, f"{world.rank}"), lambda: world.on_first(full))
    for action in actions:
        try:
            action()
        except (InputError, SystemExit) as error:
            said.append(f"{type(error).__name__}: {error}")
    return said


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("two")
    torch.multiprocessing.spawn(work, (free_port(), folder), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("case", CASES)
def test_two_processes_equal_one_with_the_joint_batch(two, case):
    expected = step(case, World(CPU))
    for found in two:
        assert found[case].keys() == expected.keys()
        for key, value in expected.items():
            torch.testing.assert_close(found[case][key], value, rtol=1e-9, atol=1e-12, msg=lambda m, k=key: f"{k}: {m}")


def test_both_processes_have_the_same_bytes(two):
    for case in CASES:
        for key, value in two[0][case].items():
            assert torch.equal(value, two[1][case][key]), (case, key)


def test_all_look_and_stop_after_the_iteration_in_which_one_was_asked(two):
    assert [found["stopped"] for found in two] == [([1], 3, signal.SIGTERM)] * 2


def test_terms_are_averaged_and_what_is_not_finite_is_so_for_all(two):
    for found in two:
        assert found["means"][0] == 1.5
        assert found["means"][1].isnan()


def test_processes_that_differ_are_told(two):
    for found in two:
        assert found["messages"][0].startswith("InputError: weights: not the same in all 2 processes")
        assert found["messages"][1].startswith("InputError: settings: not the same in all 2 processes")


def test_a_failure_of_the_first_ends_all(two):
    assert [found["messages"][2] for found in two] == ["InputError: disk full", "SystemExit: 1"]


def test_shares_of_the_draws_make_the_joint_draw():
    joint = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    worlds = [World(CPU, rank, 3) for rank in range(3)]
    shares = [w.draws(torch.Generator().manual_seed(1)).normal(2, 5, dtype=torch.float64) for w in worlds]
    assert torch.equal(torch.cat(shares), joint)


def test_rows_are_shared_out_evenly_or_not_at_all():
    assert [World(CPU, rank, 2).shard([5, 6, 7, 8]) for rank in range(2)] == [[5, 6], [7, 8]]
    with pytest.raises(InputError, match=r"train.batch_size: 4 is not a multiple of 3"):
        World(CPU, 0, 3).shard([5, 6, 7, 8])


def test_synchronised_networks_keep_their_state_dict():
    G = OBJECTIVES["alpha_wgan_gp"](SIZE, Model(z_dim=6, width=1 / 16)).G
    before, z = {key: value.clone() for key, value in G.state_dict().items()}, torch.randn(2, 6)
    expected = G.eval()(z)
    synchronise(G)
    assert list(G.state_dict()) == list(before)
    assert torch.equal(G(z), expected)
    assert any(isinstance(module, distributed.SynchronisedBatchNorm3d) for module in G.modules())


def test_a_process_alone_needs_no_others(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join(CPU) as world:
        assert (world.rank, world.size, world.agree(0, False), world.agree(15, True)) == (0, 1, (0, False), (15, True))
    assert not torch.distributed.is_initialized()


def test_more_gpus_than_there_are_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match="train.devices: 3 GPUs are asked for and torch finds 2"):
        launch(3, torch.device("cuda"), ["-c", "pass"])


@pytest.mark.parametrize("told", [{"WORLD_SIZE": "2"}, {"WORLD_SIZE": "two", "RANK": "0", "LOCAL_RANK": "0"}])
def test_a_half_told_place_among_processes_is_refused(monkeypatch, told):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="WORLD_SIZE is set, but not all of RANK and LOCAL_RANK"), join(CPU):
        pass
