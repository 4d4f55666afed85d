"""What the application is not: said wherever brains are shown or leave it."""

from __future__ import annotations

NOT_CLINICAL = (
    "For research. Not a medical device: brains that a model makes are hypothetical, and nothing "
    "shown or measured may be used for diagnosis or treatment."
)
