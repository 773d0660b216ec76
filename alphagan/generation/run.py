"""A finished training run: new brains from random codes, real ones encoded and generated again."""

import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from alphagan.errors import InputError, whole_number
from alphagan.generation.conditional import ConditionalPrior, chosen, read_prior
from alphagan.generation.networks import BATCH, Networks, like_training_cubes
from alphagan.models import OBJECTIVES
from alphagan.seeding import seeded
from alphagan.settings.config import Settings
from alphagan.volumes.prepared import Array, as_given, as_tensor, cube_affine


@dataclass(frozen=True)
class Run:
    """A finished training run, as `alphagan.load` returns it.

    Arrays go in and come out alike: an ndarray gives an ndarray, a tensor a tensor on its own device. What is made of
    nothing, samples and random codes, comes as ndarray. Volumes may be float in [-1, 1] or, as prepared cubes are,
    uint8, whose 0..255 is -1..1.

    Parameters
    ----------
    folder : Path
    settings : Settings
        What it was trained with.
    voxel_size_mm : tuple of float
        Mean voxel size of the training cubes, which generated volumes are given.
    device : torch.device
        Where its networks compute.
    config : dict
        All that config.json says.

    Examples
    --------
    >>> run = alphagan.load("models/normal/alpha_wgan_gp")
    >>> run.settings.name, run.settings.size, run.voxel_size_mm
    ('alpha_wgan_gp', 16, (5.0, 6.0, 5.0))
    """

    folder: Path
    settings: Settings
    voxel_size_mm: tuple[float, float, float]
    device: torch.device
    config: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def affine(self) -> np.ndarray:
        """Affine (4, 4) of generated volumes: from voxels to RAS millimetres, the origin at the cube's centre.

        Examples
        --------
        >>> alphagan.load("models/normal/alpha_wgan_gp").affine @ [7.5, 7.5, 7.5, 1]
        array([0., 0., 0., 1.])
        """
        return cube_affine(np.array(self.voxel_size_mm), self.settings.size)

    @property
    def has_encoder(self) -> bool:
        """Whether the model can encode scans, and so give them back.

        Examples
        --------
        >>> alphagan.load("models/normal/alpha_wgan_gp").has_encoder
        True
        """
        return "E" in self.networks.names

    @cached_property
    def networks(self) -> Networks:
        """G, E, D and C themselves, for what needs their gradients.

        Examples
        --------
        >>> G = alphagan.load("models/normal/alpha_wgan_gp").networks["G_average"]
        >>> G(torch.zeros(2, 8)).shape
        torch.Size([2, 1, 16, 16, 16])
        """
        return Networks(self.folder, self.settings, self.device)

    @cached_property
    def prior(self) -> ConditionalPrior | None:
        """How codes depend on age and sex, where `alphagan covariates` has fitted that to the run's people.

        Examples
        --------
        >>> alphagan.load("models/normal/alpha_wgan_gp").prior is None
        True
        """
        return read_prior(self.folder, self.networks)

    def random_codes(
        self, n: int, seed: int = 0, first: int = 0, *, age: float | None = None, sex: str | None = None
    ) -> np.ndarray:
        """Draw z_rand ~ N(0, I), each code for itself; of people with an age or a sex, z_rand ~ N(B c, I - B R B^T).

        Parameters
        ----------
        n : int
            How many.
        seed : int
            Code i depends on the seed and i, not on n.
        first : int
            Number of the first one.
        age : float, optional
            In years. Code i of a seed is the same person at any age.
        sex : {"F", "M"}, optional

        Returns
        -------
        z_rand : ndarray, (n, z_dim), float32

        Raises
        ------
        InputError
            If n is below 1, first below 0, or a number not whole; if an age or a sex that is asked for was not fitted,
            or cannot be.

        Examples
        --------
        >>> run = alphagan.load("models/normal/alpha_wgan_gp")
        >>> np.array_equal(run.random_codes(2, seed=1, first=2), run.random_codes(4, seed=1)[2:])
        True
        """
        n, seed, first = whole_number("n", n, 1), whole_number("seed", seed), whole_number("first", first, 0)
        z_dim = self.settings.model.z_dim
        codes = [torch.randn(z_dim, generator=seeded("cpu", "z_rand", seed, i)) for i in range(first, first + n)]
        z_rand, given = torch.stack(codes).numpy(), chosen(age, sex)
        if given and self.prior is None:
            raise InputError(f"{self.folder}: knows of no {' or '.join(given)}; run alphagan covariates on it first")
        return self.prior.codes(z_rand, given) if given else z_rand

    def sample(
        self,
        n: int,
        seed: int = 0,
        first: int = 0,
        weights: str = "G_average",
        batch_statistics: int | None = None,
        *,
        age: float | None = None,
        sex: str | None = None,
    ) -> np.ndarray:
        """Generate volumes from random codes, G(z_rand).

        Parameters
        ----------
        n, seed, first, age, sex
            As `random_codes` has them: volume i depends on the seed and i, not on n.
        weights : {"G_average", "G", "G_early"}
            Moving average over training; as the last iteration left them, which is what was published; or the average
            early in training.
        batch_statistics : int, optional
            Volumes in a batch that is normalised with its own statistics, as the paper's evaluation did, so that a
            volume depends on its batch mates. None normalises every volume with the statistics of training.

        Returns
        -------
        x_rand : ndarray, (n, S, S, S), float32 in [-1, 1]

        Raises
        ------
        InputError
            As `random_codes` does; if there are no such weights, or weights.pt is missing or damaged.

        Examples
        --------
        >>> run = alphagan.load("models/normal/alpha_wgan_gp")
        >>> x_rand = run.sample(4, seed=1)
        >>> x_rand.shape, x_rand.dtype
        ((4, 16, 16, 16), dtype('float32'))
        >>> np.allclose(run.sample(2, seed=1), x_rand[:2], atol=1e-5)
        True
        """
        G = self.networks.generator(weights)
        z_rand = torch.from_numpy(self.random_codes(n, seed, first, age=age, sex=sex))
        if batch_statistics:
            G = copy.deepcopy(G).train()  # a copy, as every batch changes the statistics that eval mode uses
        return self.networks.apply(G, z_rand, batch_statistics or BATCH)[:, 0].numpy()

    def encode(self, volumes: Array) -> Array:
        """Map volumes to codes, E(x); of the VAE-GAN to the means of their codes.

        Parameters
        ----------
        volumes : ndarray or Tensor, (n, S, S, S), float in [-1, 1] or uint8

        Returns
        -------
        z_enc : ndarray or Tensor, (n, z_dim), float32

        Raises
        ------
        InputError
            If the model has no encoder, or was trained at another size, or values are not from -1 to 1.

        Examples
        --------
        >>> run = alphagan.load("models/normal/alpha_wgan_gp")
        >>> run.encode(np.load("data/prepared/normal/volumes.npy")).shape
        (20, 8)
        """
        if not self.has_encoder:
            left_out = "E" in OBJECTIVES[self.settings.family].names
            why = "the file lacks its encoder; export it with --all" if left_out else "has no encoder for scans"
            raise InputError(f"{self.folder}: {self.settings.name}: {why}")
        x, size = as_tensor("volumes", volumes).float(), self.settings.size
        if x.ndim != 4 or x.shape[1:] != (size, size, size):
            raise InputError(f"volumes: shape {tuple(x.shape)}, but {self.folder} takes (n, {size}, {size}, {size})")
        if not like_training_cubes(x):
            raise InputError("volumes: floats are finite, from -1 for background to 1; rescale them, or give uint8")
        return as_given(self.networks.apply(self.networks["E"], x[:, None]), volumes)

    def decode(self, codes: Array, weights: str = "G_average") -> Array:
        """Map codes to volumes, G(z).

        Parameters
        ----------
        codes : ndarray or Tensor, (n, z_dim)
        weights : {"G_average", "G", "G_early"}
            As `sample` has them.

        Returns
        -------
        volumes : ndarray or Tensor, (n, S, S, S), float32 in [-1, 1]

        Raises
        ------
        InputError
            If the codes are of another length or not finite, or there are no such weights.

        Examples
        --------
        A scan given back, x_rec = G(E(x)):

        >>> run = alphagan.load("models/normal/alpha_wgan_gp")
        >>> x_real = np.load("data/prepared/normal/volumes.npy")[:3]
        >>> run.decode(run.encode(x_real)).shape
        (3, 16, 16, 16)
        """
        z, z_dim = torch.as_tensor(codes).float(), self.settings.model.z_dim
        if z.ndim != 2 or z.shape[1] != z_dim or not z.isfinite().all():
            raise InputError(f"codes: shape {tuple(z.shape)}, but {self.folder} takes (n, {z_dim}) finite numbers")
        return as_given(self.networks.apply(self.networks.generator(weights), z)[:, 0], codes)
