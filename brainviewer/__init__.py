"""BrainViewer: turn a generative model of the human brain by hand."""

__version__ = "0.1.0"
