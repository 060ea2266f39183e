"""Outlier images that are made here, without a download: noise, letters, patches of photographs."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import DatasetError
from pytest_robustness.transforms.random import sample_generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL.ImageFont import FreeTypeFont

Shape = tuple[int, int, int]

# Without I, O, l and o, which are a one or a nought in these fonts: no outliers among digits.
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz"
# Every upright and slanted face of the DejaVu family that comes inside matplotlib.
FONTS = (
    *("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSans-BoldOblique.ttf"),
    *("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSansMono-Oblique.ttf"),
    *("DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSerif-Italic.ttf", "DejaVuSerif-BoldItalic.ttf"),
)
_FONT_SIZE = 96  # pixels an em: a drawing larger than needed, scaled down afterwards for smooth edges
_LARGEST_ZOOM = 8  # a patch is at most so many times as high and wide as the image made of it
_LEAST_CONTRAST, _TRIES = 25.0, 8  # standard deviation in grey levels below which a patch is redrawn, so many times
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def uniform_noise(generator: np.random.Generator, shape: Shape) -> NDArray[np.uint8]:
    """Draw every pixel independently and uniformly from 0..255."""
    return generator.integers(0, 256, size=shape, dtype=np.uint8)


def gaussian_noise(generator: np.random.Generator, shape: Shape) -> NDArray[np.uint8]:
    """Draw every pixel independently from N(0.5, 0.5), clipped to [0, 1]: about a third is black or white."""
    return _grey(np.clip(generator.normal(0.5, 0.5, size=shape), 0, 1) * 255)


def letter(generator: np.random.Generator, shape: Shape) -> NDArray[np.uint8]:
    """Draw a letter, white on black, as MNIST draws digits.

    One of `LETTERS` in one of `FONTS`, turned by up to 15 degrees, its larger side 20/28 of the image's smaller side,
    off the centre by up to 2/28 of it in each direction. Edges are smooth; all channels are the same.
    """
    from PIL import Image

    channels, height, width = shape
    text = LETTERS[generator.integers(len(LETTERS))]
    font = FONTS[generator.integers(len(FONTS))]
    angle = generator.uniform(-15, 15)
    side = min(height, width)
    dy, dx = generator.uniform(-2 / 28, 2 / 28, size=2) * side
    glyph = _glyph(text, font).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    glyph = glyph.crop(glyph.getbbox())
    zoom = max(glyph.size) / (side * 20 / 28)
    # One affine map from the pixels of the image to those of the glyph: scales and places it to a fraction of a pixel.
    left, top = glyph.width / 2 - zoom * (width / 2 + dx), glyph.height / 2 - zoom * (height / 2 + dy)
    box = (left, top, left + zoom * width, top + zoom * height)
    pixels = _resized(glyph, box, (width, height))
    return np.broadcast_to(pixels, (channels, height, width))


def photo_patch(generator: np.random.Generator, shape: Shape) -> NDArray[np.uint8]:
    """Cut a patch out of one of scikit-learn's two photographs (427 x 640) and average it down to the image's size.

    The patch is k times as high and wide as the image, k drawn from 1..8 as far as the photograph allows; a patch of
    bare sky or shadow is drawn again, a few times. For one channel it is turned to grey (ITU-R BT.601 luma).
    """
    channels, height, width = shape
    photos = _photo_sums()
    sums = photos[generator.integers(len(photos))]
    rows, columns = sums.shape[0] - 1, sums.shape[1] - 1
    largest = min(rows // height, columns // width, _LARGEST_ZOOM)
    if largest < 1:
        raise DatasetError("photo patches are too small for these images", got=shape, allowed="up to 427 x 640")
    for _ in range(_TRIES):
        zoom = int(generator.integers(1, largest + 1))
        top = generator.integers(rows - zoom * height + 1)
        left = generator.integers(columns - zoom * width + 1)
        corners = sums[top + zoom * np.arange(height + 1)][:, left + zoom * np.arange(width + 1)]
        small = np.diff(np.diff(corners, axis=0), axis=1) / zoom**2
        luma = small @ _LUMA
        if luma.std() >= _LEAST_CONTRAST:
            break
    return _grey(luma[None] if channels == 1 else small.transpose(2, 0, 1))


GENERATORS: dict[str, Callable[[np.random.Generator, Shape], NDArray[np.uint8]]] = {
    "uniform-noise": uniform_noise,
    "gaussian-noise": gaussian_noise,
    "letters": letter,
    "photo-patches": photo_patch,
}


def generate(name: str, n: int, shape: Shape, *, seed: int) -> NDArray[np.uint8]:
    """Make outlier images.

    Parameters
    ----------
    name : str
        One of `GENERATORS`.
    n : int
        Number of images. The first m of n images are the m images of a smaller set with the same seed.
    shape : tuple of int
        (C, H, W), with C 1 or 3.
    seed : int
        Seed of the draw.

    Returns
    -------
    numpy.ndarray of shape (n, C, H, W)
        ``uint8``.

    Raises
    ------
    DatasetError
        If the images would have neither one nor three channels, or be larger than the photographs.
    """
    if shape[0] not in (1, 3):
        raise DatasetError(f"{name} can be made for grey and RGB images", got=shape, allowed="1 or 3 channels")
    make = GENERATORS[name]
    return np.stack([make(sample_generator(seed, f"outliers/{name}", i), shape) for i in range(n)])


def _grey(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.round(levels).astype(np.uint8)


@lru_cache(maxsize=len(FONTS))
def _font(file: str) -> FreeTypeFont:
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", file)), _FONT_SIZE)


@lru_cache(maxsize=len(FONTS) * len(LETTERS))
def _glyph(text: str, file: str) -> Any:
    from PIL import Image, ImageDraw

    font = _font(file)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    canvas = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), text, fill=255, font=font)
    return canvas


def _resized(glyph: Any, box: tuple[float, float, float, float], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the part of a drawing inside a box, which may stick out of it, at another size."""
    from PIL import Image

    left, top, right, bottom = box
    margin = int(max(0, -left, -top, right - glyph.width, bottom - glyph.height)) + 1
    canvas = Image.new("L", (glyph.width + 2 * margin, glyph.height + 2 * margin))
    canvas.paste(glyph, (margin, margin))
    moved = (left + margin, top + margin, right + margin, bottom + margin)
    return np.asarray(canvas.resize(size, Image.Resampling.BOX, box=moved))


@lru_cache(maxsize=1)
def _photo_sums() -> tuple[NDArray[np.int64], ...]:
    """Return for each photograph the sums over all rectangles from its upper left corner, (H + 1, W + 1, 3).

    The mean over any rectangle follows from the sums at its four corners, however large it is.
    """
    from sklearn.datasets import load_sample_images

    return tuple(
        np.pad(photo.cumsum(axis=0, dtype=np.int64).cumsum(axis=1), ((1, 0), (1, 0), (0, 0)))
        for photo in load_sample_images().images
    )
