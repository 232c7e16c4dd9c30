"""
Where a node's log goes, in which form, and how much of it.

L{nodeObserver} writes what C{[log]} of a C{config.ini} asks for; L{makeObserver} writes to one file
or stream; L{LogSwitch} changes from one to another.
"""

from .observers import LEVELS, LOG_FORMS, makeObserver, nodeObserver
from .switch import LogSwitch

__all__ = ["LEVELS", "LOG_FORMS", "LogSwitch", "makeObserver", "nodeObserver"]
