"""The corruptions of MNIST-C beside the quickest that other libraries have, on MNIST-like images of 28 x 28."""

from __future__ import annotations

import sys
import types
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from tabulate import tabulate

from benchmarks.contenders import available, quietly
from benchmarks.timing import race
from pytest_robustness.transforms import MNIST_C, corrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Images = NDArray[np.uint8]
    Rival = Callable[[Images], Any]

IMAGES = 10_000
ONE_BY_ONE = 200
"""Images for libraries that take one at a time; the others take a batch of ten times as many."""

NOTE = """From bytes to bytes. Beside: the quickest of the libraries that are installed, with the same parameters where
they can be given, on grey images where they take them: kornia a batch, the others one image at a time.
Fog: of imagecorruptions, with the map of 256 x 256 that MNIST-C has, and not its own of 32 x 32."""


def table() -> str:
    """Return microseconds an image of each corruption, ours and the quickest rival's, and the sums of all fifteen."""
    images = _digits(IMAGES)
    ours = race({name: lambda name=name: corrupt(images, name) for name in MNIST_C})  # type: ignore[misc]
    found, missing = available("skimage", "kornia", "albumentations", "cv2")
    theirs: dict[str, dict[str, float]] = {name: {} for name in MNIST_C}
    notes = [NOTE, *missing]
    for library, of, needs in (
        ("scikit-image", _scikit_image, {"skimage"}),
        ("imagecorruptions", _imagecorruptions, {"skimage", "cv2"}),
        ("kornia", _kornia, {"kornia"}),
        ("albumentations", _albumentations, {"albumentations"}),
    ):
        if not needs <= set(found):
            continue
        try:
            rivals = of()
        except ImportError as error:
            notes.append(f"without {library}: {error}")
            continue
        for name, microseconds in _timed(rivals, images[: ONE_BY_ONE * (10 if library == "kornia" else 1)]):
            theirs[name][library] = microseconds
    return "\n".join([_formatted({name: 1e6 * ours[name].seconds / IMAGES for name in MNIST_C}, theirs), *notes])


def _formatted(ours: dict[str, float], theirs: dict[str, dict[str, float]]) -> str:
    rows: list[list[Any]] = []
    for name, mine in ours.items():
        best = min(theirs[name], key=lambda library: theirs[name][library], default=None)
        rows.append([name, mine, best, theirs[name][best], theirs[name][best] / mine] if best else [name, mine])
    rows.append(["all fifteen", sum(ours.values())])
    headers = ["corruption", "ours us", "beside", "theirs us", "theirs / ours"]
    total = f"{IMAGES:,} images x {len(ours)}: {sum(ours.values()) * IMAGES / 1e6:.1f} CPU s"
    return "\n".join([tabulate(rows, headers=headers, floatfmt=("", ".1f", "", ".0f", ".1f")), total])


def _timed(rivals: dict[str, Rival], images: Images) -> Iterator[tuple[str, float]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (seconds, _) in race({name: _of(run, images) for name, run in rivals.items()}, rounds=2).items():
            yield name, 1e6 * seconds / len(images)


def _of(run: Rival, images: Images) -> Callable[[], Any]:
    return lambda: run(images)


def _each(run: Callable[[Any], Any]) -> Rival:
    return lambda images: [run(image) for image in images]


def _bytes(image: NDArray[Any]) -> Images:
    return np.rint(255 * image).astype(np.uint8)


def _digits(n: int) -> Images:
    """Return strokes on black with a margin, of mean 38 (MNIST: 33): blurred noise above a threshold."""
    generator = np.random.Generator(np.random.Philox(0))
    noise = ndimage.gaussian_filter(generator.normal(size=(n, 28, 28)), (0, 2, 2))
    noise[:, [*range(4), *range(24, 28)]] = noise[:, :, [*range(4), *range(24, 28)]] = -1
    return np.rint(255 / (1 + np.exp(-60 * (noise - 0.075)))).astype(np.uint8)


def _scikit_image() -> dict[str, Rival]:
    util, transform, feature = (quietly(f"skimage.{part}") for part in ("util", "transform", "feature"))
    centre = transform.AffineTransform(translation=(13.5, 13.5))

    def warped(**change: Any) -> Rival:
        matrix = centre.inverse + transform.AffineTransform(**change) + centre
        return _each(lambda image: _bytes(transform.warp(image / 255.0, matrix)))

    return {
        "impulse_noise": _each(lambda image: _bytes(util.random_noise(image / 255.0, "s&p", amount=0.17))),
        "shear": warped(shear=0.4),
        "scale": warped(scale=(1 / 0.7, 1 / 0.7)),
        "rotate": warped(rotation=0.4),
        "translate": warped(translation=(3, 3)),
        "canny_edges": _each(lambda image: _bytes(feature.canny(image / 255.0))),
    }


def _imagecorruptions() -> dict[str, Rival]:
    library = _mended_imagecorruptions()

    def fog(image: Images) -> Any:
        grey = image / 255.0
        return np.clip((grey + 3 * library.plasma_fractal(256, 1.4)[:28, :28]) * grey.max() / (grey.max() + 3), 0, 1)

    def spatter(image: Images) -> Any:
        return library.spatter(Image.fromarray(image), severity=4)

    return {
        "shot_noise": _each(lambda image: library.shot_noise(image, severity=5)),
        "impulse_noise": _each(lambda image: library.impulse_noise(image, severity=4)),
        "glass_blur": _each(lambda image: library.glass_blur(image, severity=1)),
        "motion_blur": _each(lambda image: library._motion_blur(image, 10, 3, np.random.uniform(-45, 45))),  # noqa: NPY002, SLF001
        "brightness": _each(lambda image: library.brightness(np.repeat(image[..., None], 3, axis=2), severity=5)),
        "fog": _each(fog),
        "spatter": _each(spatter),
    }


def _mended_imagecorruptions() -> Any:
    """Import the library where what it uses of setuptools, numpy and scikit-image is gone, with that put back."""
    put_back = types.ModuleType("pkg_resources")
    put_back.resource_filename = lambda _package, file: file  # type: ignore[attr-defined]
    sys.modules.setdefault("pkg_resources", put_back)
    try:
        library = quietly("imagecorruptions.corruptions")
    finally:
        if sys.modules["pkg_resources"] is put_back:
            del sys.modules["pkg_resources"]
    gaussian = quietly("skimage.filters").gaussian
    library.gaussian = lambda image, sigma, multichannel=False, **options: gaussian(
        image, sigma, channel_axis=-1 if multichannel else None, **options
    )
    if not hasattr(np, "float_"):
        library.np = types.SimpleNamespace(**vars(np), float_=np.float64)
    return library


def _kornia() -> dict[str, Rival]:
    transform, filters = quietly("kornia.geometry.transform"), quietly("kornia.filters")
    enhance, augmentation = quietly("kornia.enhance"), quietly("kornia.augmentation")

    def batch(run: Callable[[torch.Tensor], Any]) -> Rival:
        return lambda images: (run(torch.from_numpy(images)[:, None].float() / 255) * 255).round().byte()

    blur = augmentation.RandomMotionBlur((21, 21), 45.0, 1.0, p=1.0)
    salt = augmentation.RandomSaltAndPepperNoise(amount=0.17, p=1.0)
    canny = filters.Canny(0.1, 0.2)  # edges are its second result
    return {
        "impulse_noise": batch(salt),
        "motion_blur": batch(blur),
        "shear": batch(lambda images: transform.shear(images, torch.full((len(images), 2), 0.4))),
        "scale": batch(lambda images: transform.scale(images, torch.full((len(images), 2), 0.7))),
        "rotate": batch(lambda images: transform.rotate(images, torch.full((len(images),), 22.9))),
        "brightness": batch(lambda images: enhance.adjust_brightness(images, 0.5)),
        "translate": batch(lambda images: transform.translate(images, torch.full((len(images), 2), 3.0))),
        "canny_edges": batch(lambda images: canny(images)[1]),
    }


def _albumentations() -> dict[str, Rival]:
    library = quietly("albumentations")

    def one(transform: Any) -> Rival:
        return _each(lambda image: transform(image=image[..., None])["image"])

    mud = library.Spatter(mode="mud", p=1)
    return {
        "shot_noise": one(library.ShotNoise(scale_range=(0.3, 0.3), p=1)),
        "impulse_noise": one(library.SaltAndPepper(amount=(0.17, 0.17), p=1)),
        "glass_blur": one(library.GlassBlur(sigma=0.7, max_delta=1, iterations=2, p=1)),
        "motion_blur": one(library.MotionBlur(blur_limit=(21, 21), p=1)),
        "rotate": one(library.Affine(rotate=(22.9, 22.9), p=1)),
        "shear": one(library.Affine(shear={"x": (22.9, 22.9), "y": (0, 0)}, p=1)),
        "scale": one(library.Affine(scale=(0.7, 0.7), p=1)),
        "translate": one(library.Affine(translate_px={"x": (3, 3), "y": (3, 3)}, p=1)),
        "brightness": one(library.RandomBrightnessContrast((0.5, 0.5), (0, 0), p=1)),
        "spatter": _each(lambda image: mud(image=np.repeat(image[..., None], 3, axis=2))),
    }
