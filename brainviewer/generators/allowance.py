"""How much memory a network may take while it is built, from the size of its weights' file.

A configuration is text that anybody can write: a network of a terabyte is refused before it takes
the memory, not when the system ends the application for lack of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# Packed weights become up to this many times larger: int8 with a scale, shares that are mostly 0.
UNPACKED = 64
# What small networks compute besides, such as splines and grids.
BESIDES_BYTES = 2**28
BYTES_A_NUMBER = 4

_CREATORS = ("empty", "zeros", "ones", "full", "rand", "randn")


class Allowance(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside, tensors are made only as long as all of them together fit what is allowed.

    Parameters
    ----------
    weights : Path
        The file that the network's weights come from.

    Raises
    ------
    ValueError
        The next tensor would be too much; it has not been made.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._left = BESIDES_BYTES + UNPACKED * weights.stat().st_size

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Have torch call this mode as it is: its compiler, told to pass by, is imported for that.

        Those imports (sympy among them) took 2.5 of the 5.5 s in which a first generator is loaded.
        """
        return False

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  torch gives it no types
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Count what a call would make, then let it."""
        if args and func.overloadpacket.__name__ in _CREATORS:
            self._take(args[0])
        call: Callable[..., Any] = func
        return call(*args, **(kwargs or {}))

    def _take(self, shape: Sequence[int]) -> None:
        self._left -= BYTES_A_NUMBER * math.prod(shape)
        if self._left < 0:
            raise ValueError("its network is too large for its weights")
