"""The exceptions that mean: the input is at fault, and here is the cure."""


class InputError(Exception):
    """Bad input: a file, folder or configuration key that the user can mend.

    The message is one line that names the file or key and says what to do. The command line prints it
    without a traceback and exits with status 2.
    """


class TooFewError(InputError):
    """There are too few volumes or people for what was asked; something that needs fewer may still be computed."""
