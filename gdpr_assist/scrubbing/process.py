"""The first thing that a new process does. It is loaded before there are models, so it knows none."""

from __future__ import annotations

import os
import signal
from multiprocessing import parent_process
from threading import Thread

import django


def begin() -> None:
    """Make this process one that knows the site, and that ends with the command.

    Ctrl-C is for the command, which lets its processes do what they have begun.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    django.setup()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)  # what is in the making is rolled back
