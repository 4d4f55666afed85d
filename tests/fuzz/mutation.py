"""Ways to damage a file, the same ones for the same seed, and what must hold whatever is done."""

from __future__ import annotations

import copy
import json
import resource
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_S = 5.0
LONGEST_SENTENCE = 700
MOST_MEMORY_BYTES = 1 << 30

NUMBERS = (0, -1, 1, 2**31, -(2**63), 1e308, -1e-308, 0.5, float("nan"), float("inf"))
VALUES = (None, True, False, "", "x", "n/a", [], {}, [None], [[]], {"": {}}, *NUMBERS)


def damaged_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip, cut, repeat, blank or insert some bytes, up to four times."""
    for _ in range(int(rng.integers(1, 5))):
        data = _damage(data, rng)
    return data


def damaged_fields(data: bytes, rng: np.random.Generator, fields: list[tuple[int, str]]) -> bytes:
    """Write extreme values into some fields of a header: (offset, numpy type)."""
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        offset, kind = fields[int(rng.integers(len(fields)))]
        dtype = np.dtype(kind)
        if dtype.kind == "f":
            value = rng.choice([0.0, -1.0, np.nan, np.inf, -np.inf, 1e38, 1e-38, 1e4])
        else:
            info = np.iinfo(dtype)
            value = rng.choice([0, 1, 2, 7, 100, info.max, info.min, rng.integers(0, info.max)])
        with np.errstate(all="ignore"):
            damaged[offset : offset + dtype.itemsize] = np.array([value]).astype(dtype).tobytes()
    return bytes(damaged)


def damaged_json(value: Any, rng: np.random.Generator) -> Any:
    """Replace, delete, repeat or nest some parts of plain values, up to three times."""
    value = copy.deepcopy(value)
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(value))
        if not places:
            return value
        owner, key = places[int(rng.integers(len(places)))]
        _damage_place(owner, key, rng)
    return value


def damaged_json_text(value: Any, rng: np.random.Generator) -> bytes:
    """Damage plain values, and one time in four the bytes of their text besides."""
    text = json.dumps(damaged_json(value, rng)).encode()
    return damaged_bytes(text, rng) if rng.random() < 0.25 else text


def nested_json(depth: int) -> str:
    """Nest lists more deeply than a parser that calls itself can follow."""
    return "[" * depth + "]" * depth


@contextmanager
def answered(*errors: type[Exception]) -> Iterator[list[str]]:
    """Allow these errors, with one sentence each, in some seconds and bounded memory.

    Yields
    ------
    list of str
        Holds the sentence afterwards; empty where nothing was wrong.
    """
    sentences: list[str] = []
    start, before = time.monotonic(), _peak_bytes()
    try:
        yield sentences
    except errors as error:
        sentences.append(str(error))
    assert time.monotonic() - start < LONGEST_S
    assert _peak_bytes() - before < MOST_MEMORY_BYTES
    for sentence in sentences:
        assert 10 < len(sentence) < LONGEST_SENTENCE, sentence
        assert "\n" not in sentence, sentence


def _damage(data: bytes, rng: np.random.Generator) -> bytes:
    if not data:
        return b"\0"
    start = int(rng.integers(len(data)))
    end = min(len(data), start + int(rng.integers(1, 40)))
    way = rng.integers(6)
    if way == 0:
        return data[:start]
    if way == 1:
        return data[:start] + bytes(end - start) + data[end:]
    if way == 2:
        return data[:end] + data[start:end] + data[end:]
    if way == 3:
        return data[:start] + rng.bytes(end - start) + data[end:]
    if way == 4:
        return data[:start] + data[end:]
    flipped = bytearray(data)
    flipped[start] ^= 1 << int(rng.integers(8))
    return bytes(flipped)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """List every part of plain values as (owner, key)."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _damage_place(owner: Any, key: Any, rng: np.random.Generator) -> None:
    way = rng.integers(6)
    if way == 0:
        del owner[key]
    elif way == 1:
        owner[key] = [owner[key]]
    elif way == 2 and isinstance(owner[key], str):
        owner[key] = owner[key] * int(rng.integers(2, 200)) + "\n\t\0"
    elif way == 3 and isinstance(owner[key], list):
        owner[key] = owner[key] * 3
    else:
        owner[key] = copy.deepcopy(VALUES[int(rng.integers(len(VALUES)))])


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
