"""What the commands that train do: thin wrappers, as in `alphagan.workbench.commands`."""

import os
import sys

from alphagan.workbench.commands import prepared_as_told


def train(args) -> int | None:
    """Train an experiment, in several processes where `train.devices` asks for them."""
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.training import choose_device, fit
    from alphagan.training.distributed import join
    from alphagan.training.launch import launch

    config, paths = load(args.params), Paths()
    settings = config.settings(args.experiment)
    device, n = choose_device(settings.train.device), settings.train.devices
    if n > 1 and "WORLD_SIZE" not in os.environ:  # which `launch` and torchrun set
        again = ["-m", "alphagan", *(["--debug"] if args.debug else []), "train", args.experiment]
        return launch(n, device, [*again, "--params", str(args.params)])
    run = paths.run(settings.cohort, settings.name)
    with join(device) as world:
        prepared = prepared_as_told(config, settings.cohort, paths, speaks=world.rank == 0)
        scratch = paths.scratch("train", settings.cohort, settings.name)
        fit(settings, prepared, run, scratch, _sample_grids(), progress=True, world=world)
        if world.rank == 0:
            print(run)
    return None


def watch(args) -> None:
    """Follow a training until it ends; it may be one that has not begun yet."""
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths
    from alphagan.workbench.watch import draw, follow, glance, to_tensorboard

    settings = load(args.params).settings(args.experiment)
    scratch = Paths().scratch("train", settings.cohort, settings.name)
    if glance(scratch) is None:
        print(f"nothing of {args.experiment} is training here yet: alphagan train {args.experiment}", file=sys.stderr)
    target = args.tensorboard / settings.cohort / settings.name if args.tensorboard else scratch / "losses.png"
    seen = to_tensorboard(follow(scratch), target) if args.tensorboard else draw(follow(scratch), target)
    print(f"tensorboard --logdir {args.tensorboard}" if args.tensorboard else target, flush=True)
    for line in seen:
        print(line, flush=True)


def features(args) -> None:
    """Train a cohort's feature network."""
    from alphagan.evaluation.features.network import train_features
    from alphagan.generation.device import usable
    from alphagan.settings.config import load
    from alphagan.settings.paths import Paths

    config, paths, device = load(args.params), Paths(), usable(args.device)
    prepared = prepared_as_told(config, args.cohort, paths)
    train_features(prepared, paths.features(args.cohort), config.features, device)
    print(paths.features(args.cohort))


def _sample_grids():
    """Pictures while training, where matplotlib is installed; a bare GPU node trains without them."""
    try:
        from alphagan.figures import save_montage
    except ModuleNotFoundError as error:
        print(f"no sample grids while training: {error.name} is not installed", file=sys.stderr)
        return None
    return save_montage
