"""Where networks compute: a device is tried before any work is done for it."""

import torch

from alphagan.errors import InputError


def usable(name: str) -> torch.device:
    """Return the torch device of this name, once it has computed something.

    Raises
    ------
    InputError
        If there is no such device on this machine.

    Examples
    --------
    >>> usable("cpu")
    device(type='cpu')
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:  # the second where torch was built for the CPU alone
        reason = str(error).splitlines()[0]
        raise InputError(f"--device {name}: torch cannot use this device ({reason}); cpu is always there") from None
    return device
