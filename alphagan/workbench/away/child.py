"""A command of alphagan that is asked to stop, as by SIGTERM, when the process that started it has died.

That process holds the other end of its standard input: ``python -m alphagan.workbench.away.child COMMAND ...``.
"""

import os
import runpy
import signal
import threading


def _watch() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_watch, daemon=True).start()
    runpy.run_module("alphagan", run_name="__main__")
