"""Starts BrainViewer from a checkout: the same as the command `brainviewer`."""

import sys

from brainviewer.cli import main

if __name__ == "__main__":
    sys.exit(main())
