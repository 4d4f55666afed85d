"""What the application is not: said wherever brains are shown or leave it."""

from __future__ import annotations

NOT_CLINICAL = (
    "For research. Not a medical device: the brains shown are hypothetical and must not be used "
    "for diagnosis or treatment."
)
