"""Sheets of examples: rows of small pictures, one column for each sample, as one PNG."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from PIL import Image

EXAMPLES = 8
"""Samples on a sheet."""

_LARGEST = 48  # pixels a side: larger images are averaged down, so that a sheet stays small

_PALETTE = 256
_GREYS = 86  # steps of 3: they are not seen

_HEAT = np.array([1.0, 0.45, 0.0])
"""The colour of saliency: seen on black and on white."""


def saliency_sheet(
    images: NDArray[np.float32], saliency: NDArray[np.float64], masked: NDArray[np.float32]
) -> dict[str, NDArray[np.uint8]]:
    """Return a sheet of what a map says: images as they are, under their saliency, and masked.

    Parameters
    ----------
    images, masked : ndarray of float32, shape (N, C, H, W)
        In [0, 1].
    saliency : ndarray, shape (N, H, W)

    Returns
    -------
    dict of str to ndarray of uint8, shape (N, h, w, 3)
        The rows by name.
    """
    return {"original": coloured(images), "saliency": overlay(images, saliency), "masked": coloured(masked)}


def adversarial_sheet(
    clean: NDArray[np.float32],
    adversarial: NDArray[np.float32],
    *,
    clean_saliency: NDArray[np.float64] | None = None,
    adversarial_saliency: NDArray[np.float64] | None = None,
) -> dict[str, NDArray[np.uint8]]:
    """Return a sheet of what an attack did: clean and adversarial images, their saliency, and their difference.

    Parameters
    ----------
    clean, adversarial : ndarray of float32, shape (N, C, H, W)
        In [0, 1].
    clean_saliency, adversarial_saliency : ndarray, shape (N, H, W), optional
        Each adds a row.

    Returns
    -------
    dict of str to ndarray of uint8, shape (N, h, w, 3)
        The rows by name. In the difference, grey is no change, and black and white are the largest change of an image.
    """
    rows = {"original": coloured(clean)}
    if clean_saliency is not None:
        rows["its saliency"] = overlay(clean, clean_saliency)
    rows["adversarial"] = coloured(adversarial)
    if adversarial_saliency is not None:
        rows["its saliency now"] = overlay(adversarial, adversarial_saliency)
    change = adversarial.astype(np.float64) - clean
    largest = np.abs(change).max(axis=(1, 2, 3), keepdims=True)
    rows["difference"] = coloured(0.5 + change / np.where(largest > 0, 2 * largest, 1))
    return rows


def coloured(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Return images (N, C, H, W) in [0, 1] as small pictures (N, h, w, 3); of other than three channels, their mean."""
    return _bytes(shrunk(_rgb(images)))


def overlay(images: NDArray[Any], saliency: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return images (N, C, H, W), darkened, under their saliency (N, H, W), each scaled by its own largest value."""
    strength = np.maximum(saliency, 0.0)
    largest = strength.max(axis=(1, 2), keepdims=True)
    heat = (strength / np.where(largest > 0, largest, 1))[..., None]
    return _bytes(shrunk(0.45 * _rgb(images) * (1 - heat) + heat * _HEAT))


def sheet_picture(rows: Mapping[str, NDArray[np.uint8]], captions: Sequence[str]) -> dict[str, Any]:
    """Return a sheet as builtin values: names of rows, captions of columns, size of a picture, and a PNG in base64."""
    tiles = np.stack(list(rows.values()))
    return page_details(tiles.transpose(0, 2, 1, 3, 4), list(rows)) | {"captions": list(captions)}


def page_details(tiles: NDArray[np.uint8], names: Sequence[str]) -> dict[str, Any]:
    """Return a sheet as builtin values: names of rows, size of a picture, number of columns, and a PNG in base64.

    Parameters
    ----------
    tiles : ndarray of uint8, shape (R, h, columns, w), or (R, h, columns, w, 3)
        Pictures as they lie on the page.
    names : sequence of str, length R
    """
    rows, height, columns, width = tiles.shape[:4]
    page = tiles.reshape(rows * height, columns * width, *tiles.shape[4:])
    return {"names": list(names), "width": width, "height": height, "columns": columns, "png": png_text(page)}


def png_text(picture: NDArray[np.uint8]) -> str:
    """Return a picture (H, W) or (H, W, 3) as a PNG in base64; one in colour has a palette of at most 256.

    A picture that is grey all over, or that has no more than 256 colours, is kept to the bit.
    """
    from PIL import Image

    file = BytesIO()
    grey = picture.ndim == 3 and bool((picture == picture[..., :1]).all())
    page = np.ascontiguousarray(picture[..., 0] if grey else picture)
    image = Image.fromarray(page) if page.ndim == 2 else _with_palette(page)
    image.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _with_palette(picture: NDArray[np.uint8]) -> Image.Image:
    """Return a picture (H, W, 3) with a palette, exactly where it has few colours."""
    from PIL import Image

    flat = picture.reshape(-1, 3)
    colours, places = np.unique(flat, axis=0, return_inverse=True)
    if len(colours) > _PALETTE:
        colours, places = np.unique(_fewer_colours(flat), axis=0, return_inverse=True)
    image = Image.fromarray(places.reshape(picture.shape[:2]).astype(np.uint8))
    image.putpalette(colours.tobytes())
    return image


def _fewer_colours(flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return pixels (P, 3) of at most 256 colours; where most are grey, the greys in even steps, apart."""
    plain = (flat == flat[:, :1]).all(axis=1)
    if 2 * plain.sum() < len(flat):
        return _quantised(flat, _PALETTE)
    greys = np.rint(np.linspace(0, 255, _GREYS)).astype(np.uint8)
    found: NDArray[np.uint8] = greys[np.rint(flat[:, 0] * ((_GREYS - 1) / 255)).astype(int)][:, None].repeat(3, axis=1)
    found[~plain] = _quantised(flat[~plain], _PALETTE - _GREYS)
    return found


def _quantised(flat: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(flat[None])).quantize(number, dither=Image.Dither.NONE)
    found: NDArray[np.uint8] = np.asarray(image.convert("RGB"))[0]
    return found


def _rgb(images: NDArray[Any]) -> NDArray[np.float64]:
    """Return images as (N, H, W, 3)."""
    values = images.astype(np.float64)
    three = values if values.shape[1] == 3 else np.repeat(values.mean(axis=1, keepdims=True), 3, axis=1)
    return three.transpose(0, 2, 3, 1)


def shrunk(pictures: NDArray[Any]) -> NDArray[Any]:
    """Return pictures (N, H, W, C) averaged over squares until they are small; what does not fill a square is cut off.

    Those that are small enough come back as they are.
    """
    n, height, width, channels = pictures.shape
    step = -(-max(height, width) // _LARGEST)
    if step == 1 or min(height, width) < step:
        return pictures
    fitting = pictures[:, : height // step * step, : width // step * step]
    squares = fitting.reshape(n, height // step, step, width // step, step, channels)
    return np.asarray(squares.mean(axis=(2, 4)))


def _bytes(pictures: NDArray[np.float64]) -> NDArray[np.uint8]:
    whole: NDArray[np.uint8] = np.rint(pictures.clip(0, 1) * 255).astype(np.uint8)
    return whole
