"""Generated brains as a torch data set, made when they are asked for: `alphagan.SyntheticDataset`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from alphagan.errors import whole_number
from alphagan.generation.conditional import chosen
from alphagan.generation.load import load
from alphagan.generation.run import Run


class SyntheticDataset(Dataset):
    """Generated brains by number, for training loops that take a `torch.utils.data.Dataset`.

    Item i is sample i of `alphagan sample --seed`, before it is rounded to uint8. Nothing is stored: a DataLoader asks
    for a batch, and G makes it. Its workers may be processes, where the run's device is the CPU.

    Parameters
    ----------
    run : Run, str or Path
        Or its folder, or a file that it was exported to.
    n : int
        How many brains there are.
    seed : int
        As `Run.sample` has it.
    weights : {"G_average", "G", "G_early"}
        As `Run.sample` has them.
    age, sex : optional
        As `Run.sample` has them.

    Raises
    ------
    InputError
        If n is below 1 or no whole number, or the run cannot be opened.

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> dataset = alphagan.SyntheticDataset("models/normal/alpha_wgan_gp", n=1000, seed=1)
    >>> len(dataset), dataset[999].shape, dataset[999].dtype
    (1000, torch.Size([1, 16, 16, 16]), torch.float32)
    >>> next(iter(DataLoader(dataset, batch_size=4, shuffle=True))).shape
    torch.Size([4, 1, 16, 16, 16])
    """

    def __init__(
        self,
        run: Run | str | Path,
        n: int,
        seed: int = 0,
        weights: str = "G_average",
        *,
        age: float | None = None,
        sex: str | None = None,
    ):
        n, seed = whole_number("n", n, 1), whole_number("seed", seed)
        self.run = run if isinstance(run, Run) else load(run)
        self.n, self.seed, self.weights = n, seed, weights
        self.given = chosen(age, sex)
        if self.given:
            self.run.random_codes(1, **self.given)  # what is wrong with them is told now

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int | slice) -> Tensor:
        """x_rand, (1, S, S, S), float32 in [-1, 1]; of a slice, (k, 1, S, S, S)."""
        if isinstance(index, slice):
            return torch.stack(self.__getitems__(range(self.n)[index]))
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Tensor]:
        """Several at a time, which DataLoader asks for where it can."""
        numbers = [range(self.n)[index] for index in indices]  # negative ones count from the end
        z_rand = np.concatenate([self.run.random_codes(1, self.seed, number, **self.given) for number in numbers])
        return list(torch.from_numpy(self.run.decode(z_rand, self.weights))[:, None])
