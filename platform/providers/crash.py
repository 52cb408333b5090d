"""Points at which a process of a fault test kills itself, as a power cut would."""

import os
import signal

from django.conf import settings


def crash_point(name: str) -> None:
    """Die here when CRASH_POINT names it; a live installation never does."""
    if name == settings.CRASH_POINT:
        os.kill(os.getpid(), signal.SIGKILL)
