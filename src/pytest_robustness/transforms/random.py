"""Randomness that belongs to a sample: counter-based generators keyed by (seed, stream, sample id, index).

The same sample meets the same noise for any batch size, order of the samples, worker count and executor, because the
key of its generator holds nothing but the run and the sample. No global random state is read or set.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_LARGEST_ID = 2**64 - 1


def sample_generator(seed: int, stream: str, sample_id: int, index: int = 0) -> np.random.Generator:
    """Return the generator of one sample.

    Parameters
    ----------
    seed : int
        Seed of the run; any integer.
    stream : str
        What the numbers are for, for instance ``"corruption/rotate"``: different streams are independent.
    sample_id : int
        Identity of the sample in its data set, in [0, 2**64); not its position in a batch.
    index : int, optional
        Restart, repeat or draw number within the stream; any integer.

    Returns
    -------
    numpy.random.Generator
        On a Philox bit generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) whose 128-bit
        key is 64 bits of a BLAKE2b hash of (seed, stream, index) and the 64 bits of the sample id.

    Raises
    ------
    ParameterError
        If `seed`, `sample_id` or `index` is not an integer, or `sample_id` is out of its range.
    """
    return np.random.Generator(_bits(_stream_key(seed, stream, index), checked_id(sample_id)))


def sample_uniform(
    seed: int, stream: str, ids: Iterable[int], shape: tuple[int, ...], *, index: int = 0
) -> npt.NDArray[np.float64]:
    """Draw numbers uniform on [0, 1), each row from its own sample's generator.

    The same sample meets the same noise for any batch, order and worker.

    Parameters
    ----------
    seed, stream, index
        As for `sample_generator`.
    ids : iterable of int, length N
        Identities of the samples.
    shape : tuple of int
        Shape of the numbers of one sample.

    Returns
    -------
    ndarray of float64, shape (N, *shape)
    """
    return sample_draw(seed, stream, ids, shape, lambda generator: generator.random(shape), index=index)


def sample_normal(
    seed: int, stream: str, ids: Iterable[int], shape: tuple[int, ...], *, index: int = 0
) -> npt.NDArray[np.float64]:
    """Draw standard normal numbers, each row from its own sample's generator; else as `sample_uniform`.

    Parameters
    ----------
    seed, stream, index
        As for `sample_generator`.
    ids : iterable of int, length N
        Identities of the samples.
    shape : tuple of int
        Shape of the numbers of one sample.

    Returns
    -------
    ndarray of float64, shape (N, *shape)
    """
    return sample_draw(seed, stream, ids, shape, lambda generator: generator.standard_normal(shape), index=index)


def sample_integers(
    seed: int, stream: str, ids: Iterable[int], n: int, below: int, *, index: int = 0
) -> npt.NDArray[np.unsignedinteger]:
    """Draw whole numbers uniform on 0 .. below - 1, each row from its own sample's generator.

    Parameters
    ----------
    seed, stream, index
        As for `sample_generator`.
    ids : iterable of int, length N
        Identities of the samples.
    n : int
        How many for each sample.
    below : int
        >= 1.

    Returns
    -------
    ndarray of the smallest unsigned type that holds below - 1, shape (N, n)
    """
    ids = [checked_id(i) for i in ids]
    kind = np.min_scalar_type(below - 1)
    drawn = np.empty((len(ids), n), dtype=kind)
    for row, generator in enumerate(_generators(_stream_key(seed, stream, index), ids)):
        drawn[row] = generator.integers(0, below, n, dtype=kind)
    return drawn


def sample_words(seed: int, stream: str, ids: Iterable[int], n: int, *, index: int = 0) -> npt.NDArray[np.uint16]:
    """Draw whole numbers uniform on 0 .. 65535, many and cheaply, each row from its own sample's generator.

    Parameters
    ----------
    seed, stream, index
        As for `sample_generator`.
    ids : iterable of int, length N
        Identities of the samples.
    n : int
        How many for each sample.

    Returns
    -------
    ndarray of uint16, shape (N, n)
        The words of the generator in quarters, the lowest first.
    """
    ids = [checked_id(i) for i in ids]
    quarters = -(-n // 4)
    drawn = np.empty((len(ids), quarters), dtype="<u8")
    for row, generator in enumerate(_generators(_stream_key(seed, stream, index), ids)):
        drawn[row] = generator.bit_generator.random_raw(quarters)
    words: npt.NDArray[np.uint16] = drawn.view("<u2")[:, :n].astype(np.uint16, copy=False)
    return words


def sample_draw(
    seed: int,
    stream: str,
    ids: Iterable[int],
    shape: tuple[int, ...],
    draw: Callable[[np.random.Generator], npt.ArrayLike],
    *,
    index: int = 0,
) -> npt.NDArray[np.float64]:
    """Stack what `draw` takes from each sample's generator.

    Parameters
    ----------
    seed, stream, index
        As for `sample_generator`.
    ids : iterable of int, length N
        Identities of the samples.
    shape : tuple of int
        Shape of what `draw` returns.
    draw : callable
        Takes the generator of one sample, returns an array of `shape`. It must not keep the generator: the next sample
        gets the same object, set to another key.

    Returns
    -------
    ndarray of float64, shape (N, *shape)
    """
    ids = [checked_id(i) for i in ids]
    drawn = np.empty((len(ids), *shape))
    for row, generator in enumerate(_generators(_stream_key(seed, stream, index), ids)):
        drawn[row] = draw(generator)
    return drawn


def checked_id(value: object) -> int:
    """Return a sample id as an int, or raise a `ParameterError` where it is no integer in [0, 2**64)."""
    sample_id = _checked_integer("a sample id", value)
    if not 0 <= sample_id <= _LARGEST_ID:
        raise ParameterError("a sample id is out of range", got=sample_id, allowed="integers from 0 to 2**64 - 1")
    return sample_id


def _generators(stream_key: int, ids: Iterable[int]) -> Iterator[np.random.Generator]:
    """Yield one generator again and again, set to the start of each sample: ten times faster than making a new one."""
    bits = _bits(stream_key, 0)
    generator = np.random.Generator(bits)
    start = bits.state
    for sample_id in ids:
        start["state"]["key"][1] = sample_id
        bits.state = start
        yield generator


def _bits(stream_key: int, sample_id: int) -> np.random.Philox:
    # An array of two words as key is several times faster than one 128-bit integer.
    return np.random.Philox(key=np.array([stream_key, sample_id], dtype=np.uint64))


def _stream_key(seed: int, stream: str, index: int) -> int:
    # The parts are separated, so that (1, "2x") and (12, "x") differ.
    text = f"{_checked_integer('seed', seed)}\x00{stream}\x00{_checked_integer('index', index)}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _checked_integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ParameterError(f"{name} must be an integer", got=value)
    return int(value)
