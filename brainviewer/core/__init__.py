"""Volumes, space, files and features: numpy and nibabel only."""
