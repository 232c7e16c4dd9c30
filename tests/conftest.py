"""
What all tests may rely on.

A shell has the jobs that it starts in the background ignore SIGINT, and so would every process that
a test starts, and stops as Ctrl-C does.
"""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
