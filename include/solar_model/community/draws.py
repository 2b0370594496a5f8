"""Counter-based random numbers: the same key gives the same number, in any order, on any machine.

A draw is a pure function of (seed, household, day, stream, slot); nothing is kept between draws.
So what one household does never depends on who else is in the file or on what ran before.
"""

from __future__ import annotations

import binascii

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

U64 = NDArray[np.uint64]
F32 = NDArray[np.float32]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def mix(bits: ArrayLike) -> U64:
    """SplitMix64's finaliser: every input bit changes about half of the output bits.

    Source: Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195.
    """
    with np.errstate(over="ignore"):
        x = np.asarray(bits, dtype=np.uint64) + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * _MIX_1
        x = (x ^ (x >> np.uint64(27))) * _MIX_2
        return np.asarray(x ^ (x >> np.uint64(31)), dtype=np.uint64)


def seed_key(seed: int) -> U64:
    """A 64-bit key of a seed: any Python integer, of which 64 bits count."""
    return mix(np.uint64(seed & 0xFFFFFFFFFFFFFFFF))


def uuid_words(user_id: pl.Series) -> tuple[U64, U64]:
    """The 128 bits of UUIDs as two numbers: the first and the last 64 bits.

    Parameters
    ----------
    user_id : polars.Series of str, shape (n,)
        UUIDs with dashes, in upper or lower case.
    """
    # in one go over all of them: three times as fast as cell by cell
    digits = user_id.str.join().item().encode().translate(None, b"-")
    words = np.frombuffer(binascii.unhexlify(digits), dtype=">u8").astype(np.uint64)
    return words[0::2], words[1::2]


def household_keys(user_id: pl.Series, seed: int) -> U64:
    """One 64-bit key per household from its UUID and the seed.

    Parameters
    ----------
    user_id : polars.Series of str, shape (n,)
        UUIDs with dashes; upper and lower case give the same key.
    seed : int
        Of the run, see `seed_key`.

    Returns
    -------
    numpy.ndarray of uint64, shape (n,)
    """
    high, low = uuid_words(user_id)
    return mix(high ^ mix(low ^ seed_key(seed)))


def draw_bits(keys: ArrayLike, *counters: ArrayLike) -> U64:
    """64 random bits per broadcast element of keys and counters.

    Parameters
    ----------
    keys : array_like of uint64
        Household keys, or any other 64-bit keys; the result can serve as keys again.
    *counters : array_like of int
        What tells draws apart: day, stream, slot, …; signed values are taken modulo 2**64.
    """
    bits = np.asarray(keys, dtype=np.uint64)
    for counter in counters:
        bits = mix(bits ^ mix(np.asarray(counter).astype(np.int64).astype(np.uint64)))
    return bits


def uniform(keys: ArrayLike, *counters: ArrayLike) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), one per broadcast element of keys and counters."""
    # 53 bits fill a double's mantissa exactly: no rounding, so no 1.0
    return (draw_bits(keys, *counters) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def four_uniforms(keys: ArrayLike, *counters: ArrayLike) -> tuple[F32, F32, F32, F32]:
    """Four uniform numbers in [0, 1) in steps of 2**-16 for the price of one draw, shape (n,)."""
    words = draw_bits(keys, *counters).astype("<u8", copy=False).view("<u2").reshape(-1, 4)
    first, second, third, fourth = (
        words[:, lane].astype(np.float32) * np.float32(2.0**-16) for lane in range(4)
    )
    return first, second, third, fourth
