"""The window: the only place with Qt, VTK and Matplotlib canvases."""
