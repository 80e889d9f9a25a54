"""Starts a program with every signal at its default, whatever the one who called the tests did with signals.

`nohup` lets its children ignore SIGHUP, and shells let commands in the background ignore SIGINT. A process inherits that,
so a test that sends such a signal starts its program by `command`.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence

UNCHANGEABLE = {signal.SIGKILL, signal.SIGSTOP}


def command(program: Sequence[str]) -> list[str]:
    """The command line that runs this one with default signals, in the same process."""
    return [sys.executable, __file__, *program]


def main(program: list[str]) -> None:
    """Reset every signal and become the program."""
    for number in signal.valid_signals() - UNCHANGEABLE:
        with contextlib.suppress(OSError):  # the C library keeps some for itself
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execv(program[0], program)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
