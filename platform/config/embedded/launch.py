"""Asks for a signal at the parent's death, then becomes the command it was given: launch.py PARENT SIGNAL COMMAND...

A program of its own because the kernel forgets the wish at a fork, and code between fork and exec is not safe in a
process with threads. It runs with -I -S and imports nothing of ours.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, death_signal, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    # The parent may have ended before the wish was made: then no signal will ever come.
    if os.getppid() != int(parent):
        sys.exit("The process that started this one has ended.")
    try:
        os.execvp(command[0], command)  # noqa: S606 - the point of this file
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


main()
