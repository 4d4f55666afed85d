"""Starts BrainViewer from a checkout: the same as the command `brainviewer`."""

from brainviewer.cli import main

if __name__ == "__main__":
    main()
