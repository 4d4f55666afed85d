"""The window: the only place with Qt, VTK and Matplotlib canvases."""

import builtins

import PySide6.QtCore  # noqa: F401 - it is this import that puts Qt's in place of Python's

# For `from __feature__ import ...`, which nothing here uses, the import of Qt reads the source
# of every module that comes after it and keeps it: seconds of a start, and 180 MB.
builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)
