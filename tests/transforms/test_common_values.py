"""The common corruptions one by one: closed forms, and the definitions of the release written out plainly.

The constants are those of the script that made CIFAR-10-C (hendrycks/robustness, ImageNet-C/create_c/make_cifar_c.py).
"""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from pytest_robustness.transforms.common import SEVERITIES, corrupt_common
from pytest_robustness.transforms.common.batch import Batch
from pytest_robustness.transforms.common.blur import disk, trailed
from pytest_robustness.transforms.common.digital import _affine, bilinear
from pytest_robustness.transforms.common.weather import frost_texture


def noise_images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def levels(*constants):
    return list(zip(SEVERITIES, constants, strict=True))


def grey(level, n=64, side=32):
    return np.full((n, side, side), level, np.uint8)


@pytest.mark.parametrize(("severity", "deviation"), levels(0.04, 0.06, 0.08, 0.09, 0.10))
def test_gaussian_noise_has_the_deviation(severity, deviation):
    change = corrupt_common(grey(128), "gaussian_noise", severity=severity) / 255 - 128 / 255
    assert change.std() == pytest.approx(deviation, rel=0.02)
    assert change.mean() == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize(("severity", "photons"), levels(500, 250, 100, 75, 50))
def test_shot_noise_has_the_moments_of_poisson(severity, photons):
    found = corrupt_common(grey(102), "shot_noise", severity=severity) / 255
    assert found.mean() == pytest.approx(0.4, rel=0.01)
    assert found.var() == pytest.approx(0.4 / photons, rel=0.05)
    assert (corrupt_common(grey(0), "shot_noise", severity=severity) == 0).all()


@pytest.mark.parametrize(("severity", "share"), levels(0.01, 0.02, 0.03, 0.05, 0.07))
def test_impulse_noise_hits_the_share(severity, share):
    found = corrupt_common(np.full((40, 3, 32, 32), 128, np.uint8), "impulse_noise", severity=severity)
    assert set(np.unique(found)) == {0, 128, 255}
    for level in (0, 255):
        assert (found == level).mean() == pytest.approx(share / 2, rel=0.1)


def test_defocus_blur_is_a_convolution_with_a_smoothed_disk():
    image = noise_images(1, 32, 32)
    padded = np.pad(image[0].astype(float), 1, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    # Severity 5, radius 1.5: the nine pixels within 1.5; a smoothing of 0.1 pixels is none.
    assert np.abs(corrupt_common(image, "defocus_blur", severity=5)[0] - windows.mean(axis=(2, 3))).max() <= 0.51
    # Severity 1, radius 0.3: one pixel, smoothed by a Gaussian of 0.4 on 3 x 3 pixels.
    weights = np.exp(-np.array([1, 0, 1]) / (2 * 0.4**2))
    weights = np.outer(weights, weights) / weights.sum() ** 2
    expected = (windows * weights).sum(axis=(2, 3))
    assert np.abs(corrupt_common(image, "defocus_blur", severity=1)[0] - expected).max() <= 0.51


def test_the_disk_grows_and_sums_to_one():
    plus = disk(1.0, 0.2, 1)
    assert plus[1:-1, 1:-1] == pytest.approx(np.array([[0, 0.2, 0], [0.2, 0.2, 0.2], [0, 0.2, 0]]), abs=1e-4)
    large = disk(7.0, 1.4, 7)
    assert large.sum() == pytest.approx(1)
    assert (large > 0.5 * large.max()).sum() == pytest.approx(np.pi * 49, rel=0.1)


@pytest.mark.parametrize(("severity", "passes"), [(1, 1), (3, 1), (5, 2)])
def test_glass_blur_overwrites_pixel_after_pixel(severity, passes):
    # The loop of the release, over one image: each pixel from the last one on takes the value of one before it. The
    # displacements are those of the image's own stream.
    image = noise_images(1, 3, 32, 32, seed=1)
    deviation = {1: 0.05, 3: 0.4, 5: 0.4}[severity]
    uniform = Batch(image, 0, [0]).uniform("glass_blur", (2, 2, 30, 30))[0]
    work = ndimage.gaussian_filter(image[0] / 255, (0, deviation, deviation), mode="nearest")
    for k in range(passes):
        for h in range(31, 1, -1):
            for w in range(31, 1, -1):
                dy, dx = (int(np.floor(2 * uniform[k, axis, h - 2, w - 2])) - 1 for axis in (0, 1))
                work[:, h, w] = work[:, h + dy, w + dx]
    expected = 255 * ndimage.gaussian_filter(work, (0, deviation, deviation), mode="nearest")
    assert np.abs(corrupt_common(image, "glass_blur", severity=severity)[0] - expected).max() <= 0.51


def test_motion_blur_is_a_half_gaussian_along_a_line():
    images = np.random.default_rng(0).random((5, 2, 30, 33)).astype(np.float32)
    angles = np.array([0.0, 0.3, -0.7, np.pi / 2, -2.0])
    found = trailed(images, 6, 2.0, angles)
    weights = np.exp(-0.5 * (np.arange(13) / 2.0) ** 2)
    rows, columns = np.mgrid[:30, :33]
    for image, angle, blurred in zip(images, angles, found, strict=True):
        expected = np.zeros_like(image, dtype=float)
        for i, weight in enumerate(weights / weights.sum()):
            y = np.clip(rows + int(np.ceil(i * np.sin(angle) - 0.5)), 0, 29)
            x = np.clip(columns + int(np.ceil(i * np.cos(angle) - 0.5)), 0, 32)
            expected += weight * image[:, y, x]
        assert blurred == pytest.approx(expected, abs=1e-5)


def test_motion_blur_points_within_45_degrees():
    point = np.zeros((200, 33, 33), np.uint8)
    point[:, 16, 28] = 255
    traces = corrupt_common(point, "motion_blur", severity=5).astype(float)
    rows, columns = np.mgrid[:33, :33]
    mass = traces.sum(axis=(1, 2))
    down, left = ((traces * places).sum(axis=(1, 2)) / mass for places in (rows - 16, 28 - columns))
    angles = np.rad2deg(np.arctan2(down, left))
    assert np.abs(angles).max() <= 50
    assert angles.std() == pytest.approx(90 / np.sqrt(12), rel=0.15)


@pytest.mark.parametrize(("severity", "last"), levels(1.05, 1.10, 1.15, 1.20, 1.25))
def test_zoom_blur_is_the_mean_of_enlargements(severity, last):
    image = noise_images(1, 32, 32, seed=2)
    factors = np.arange(1, last + 0.01, 0.01)
    total = image[0] / 255
    for factor in factors:
        kept = int(np.ceil(32 / factor))
        first = (32 - kept) // 2
        large = ndimage.zoom(image[0, first : first + kept, first : first + kept] / 255, factor, order=1)
        cut = (len(large) - 32) // 2
        total = total + large[cut : cut + 32, cut : cut + 32]
    expected = 255 * total / (len(factors) + 1)
    assert np.abs(corrupt_common(image, "zoom_blur", severity=severity)[0] - expected).max() <= 0.51


@pytest.mark.parametrize(("severity", "weight"), levels(0.2, 0.5, 0.75, 1, 1.5))
def test_fog_keeps_black_images_black_and_the_range_of_others(severity, weight):
    assert (corrupt_common(grey(0, 3), "fog", severity=severity) == 0).all()
    # One map of heights over white and over grey: what is white becomes (1 + w f) / (1 + w).
    white = corrupt_common(grey(255, 3), "fog", severity=severity) / 255
    clouds = (white * (1 + weight) - 1) / weight
    assert clouds.min() >= -0.02
    assert clouds.max() <= 1.02
    half = corrupt_common(grey(102, 3), "fog", severity=severity) / 255
    assert half == pytest.approx((0.4 + weight * clouds) * 0.4 / (0.4 + weight), abs=0.006)


@pytest.mark.parametrize(
    ("severity", "of_image", "of_frost"),
    [(1, 1.0, 0.2), (2, 1.0, 0.3), (3, 0.9, 0.4), (4, 0.85, 0.4), (5, 0.75, 0.45)],
)
def test_frost_mixes_with_the_weights_of_the_release(severity, of_image, of_frost):
    images = noise_images(4, 3, 32, 32)
    texture = frost_texture(Batch(images, 0, range(4)))
    assert 0 <= texture.min() < texture.max() <= 1
    tint = np.array([0.86, 0.93, 1.0])[:, None, None]
    expected = np.clip(of_image * images + of_frost * 255 * texture[:, None] * tint, 0, 255)
    assert np.abs(corrupt_common(images, "frost", severity=severity) - expected).max() <= 0.51


def test_snow_whitens_and_covers():
    for severity, weight in levels(0.95, 0.9, 0.9, 0.85, 0.8):
        assert (corrupt_common(grey(255, 4), "snow", severity=severity) == 255).all()
        on_black = corrupt_common(grey(0, 40), "snow", severity=severity)
        # Where no flake falls, black has become half of the weight of the whitened copy.
        assert on_black.min() == pytest.approx(255 * (1 - weight) / 2, abs=0.51)
        assert on_black.max() > on_black.min() + 25
        # Flakes fall from above and, turned by 180 degrees, from below: the picture is the same upside down.
        assert np.array_equal(on_black, on_black[:, ::-1, ::-1])


def test_snow_falls_within_45_degrees(monkeypatch):
    seen = []

    def record(layer, radius, spread, angles):
        seen.append((radius, spread, np.rad2deg(angles)))
        return trailed(layer, radius, spread, angles)

    monkeypatch.setattr("pytest_robustness.transforms.common.weather.trailed", record)
    found = corrupt_common(grey(0, 200), "snow", severity=5).astype(float)
    ((radius, spread, angles),) = seen
    assert (radius, spread) == (14, 12)
    # -90 degrees takes from above.
    assert -135 <= angles.min() < -130
    assert -50 < angles.max() <= -45
    assert angles.std() == pytest.approx(90 / np.sqrt(12), rel=0.1)
    found -= found.mean()
    down, across = (found[:, 3:] * found[:, :-3]).mean(), (found[:, :, 3:] * found[:, :, :-3]).mean()
    assert down > 2 * across


def test_snow_on_colours_takes_their_luma():
    red = np.zeros((1, 3, 32, 32), np.uint8)
    red[:, 0] = 255
    found = corrupt_common(red, "snow", severity=1)
    # Black channels rise to (1 - 0.95) (1.5 * 0.299 + 0.5) where no flake falls.
    assert found[:, 1].min() == pytest.approx(255 * 0.05 * (1.5 * 0.299 + 0.5), abs=0.51)
    assert (found[:, 0] == 255).all()


@pytest.mark.parametrize(("severity", "amount"), levels(0.05, 0.1, 0.15, 0.2, 0.3))
def test_brightness_adds_to_the_value(severity, amount):
    levels = np.arange(256, dtype=np.uint8).repeat(4).reshape(1, 32, 32)
    found = corrupt_common(levels, "brightness", severity=severity)
    assert np.array_equal(found, np.rint(np.minimum(levels + 255 * amount, 255)))
    colour = np.broadcast_to(np.array([40, 80, 120], np.uint8)[:, None, None], (1, 3, 32, 32))
    found = corrupt_common(colour, "brightness", severity=severity)[0, :, 0, 0]
    assert found == pytest.approx(np.array([1, 2, 3]) / 3 * (120 + 255 * amount), abs=0.51)


@pytest.mark.parametrize(("severity", "factor"), levels(0.75, 0.5, 0.4, 0.3, 0.15))
def test_contrast_shrinks_distances_from_the_mean(severity, factor):
    images = noise_images(3, 3, 32, 32)
    means = images.mean(axis=(2, 3), keepdims=True)
    expected = means + factor * (images - means)
    assert np.abs(corrupt_common(images, "contrast", severity=severity) - expected).max() <= 0.501


@pytest.mark.parametrize(("half", "mode"), [(True, "reflect"), (False, "mirror")])
def test_reading_between_pixels_is_linear_interpolation(half, mode):
    generator = np.random.default_rng(4)
    images = generator.random((2, 3, 12, 15)).astype(np.float32)
    y, x = (generator.uniform(-7, size + 7, (2, 12, 15)) for size in (12, 15))
    found = bilinear(images, y, x, half=half)
    for n in range(2):
        for channel in range(3):
            expected = ndimage.map_coordinates(images[n, channel], (y[n], x[n]), order=1, mode=mode)
            assert found[n, channel] == pytest.approx(expected, abs=1e-5)


def test_the_affine_map_of_the_elastic_transform_moves_three_points():
    images = np.zeros((6, 1, 32, 32), np.uint8)
    batch = Batch(images, 0, range(6))
    y, x = _affine(batch, 0.08 * 32)
    moves = 0.08 * 32 * (2 * batch.uniform("elastic/affine", (3, 2)) - 1)
    assert np.abs(moves).max() <= 2.56
    before = np.array([[26, 26], [26, 6], [6, 6]])  # a third of the side, cut to 10, from the centre (16, 16)
    for n in range(6):
        for point, move in zip(before, moves[n], strict=True):
            at = (point + move)[::-1]  # (x, y) to (row, column)
            found = [ndimage.map_coordinates(axis[n], at[:, None], order=1)[0] for axis in (x, y)]
            inside = (at >= 0).all() and (at <= 31).all()
            assert not inside or found == pytest.approx(point, abs=1e-6)


@pytest.mark.parametrize(("severity", "constants"), levels((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06),
                                                           (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)))  # fmt: skip
def test_the_elastic_transform_reads_twice(severity, constants):
    image = noise_images(1, 32, 36, seed=5)
    batch = Batch(image[:, None], 0, [0])
    size, smoothness, amount = (32 * value for value in constants)
    y, x = _affine(batch, amount)
    moved = ndimage.map_coordinates(image[0].astype(float), (y[0], x[0]), order=1, mode="mirror")
    noise = 2 * batch.uniform("elastic/noise", (2, 32, 36))[0] - 1
    right, down = (size * ndimage.gaussian_filter(part, smoothness, mode="reflect", truncate=3) for part in noise)
    rows, columns = np.mgrid[:32, :36]
    expected = ndimage.map_coordinates(moved, (rows + down, columns + right), order=1, mode="reflect")
    assert np.abs(corrupt_common(image, "elastic_transform", severity=severity)[0] - expected).max() <= 0.51


def test_the_elastic_transform_moves_pixels_a_little():
    # A ramp shows how far pixels move: at most by the corner of the affine map and the size of the smooth noise.
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8) * 4, (20, 32, 32))
    for severity in SEVERITIES:
        found = corrupt_common(ramp, "elastic_transform", severity=severity)[:, 12:20, 12:20] / 4
        moves = found - np.arange(12, 20)
        assert 0.05 < np.abs(moves).mean() < 3


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("channels", [1, 3])
def test_pixelate_and_jpeg_are_those_of_pillow(severity, channels):
    images = noise_images(5, channels, 32, 36)
    share = (0.95, 0.9, 0.85, 0.75, 0.65)[severity - 1]
    quality = (80, 65, 58, 50, 40)[severity - 1]
    coarse = corrupt_common(images, "pixelate", severity=severity)
    compressed = corrupt_common(images, "jpeg_compression", severity=severity)
    for n, image in enumerate(images):
        picture = Image.fromarray(image[0] if channels == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
        box = Image.Resampling.BOX
        expected = picture.resize((int(share * 36), int(share * 32)), box).resize((36, 32), box)
        as_read = np.asarray(expected).reshape(32, 36, channels).transpose(2, 0, 1)
        assert np.abs(coarse[n].astype(int) - as_read).max() <= 1
        assert (coarse[n] == as_read).mean() > 0.99
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        assert np.array_equal(compressed[n], np.asarray(Image.open(file)).reshape(32, 36, channels).transpose(2, 0, 1))


def test_lengths_grow_from_32_pixels_on():
    sizes = [(28, 28), (32, 40), (64, 80), (224, 256)]
    assert [Batch(np.zeros((1, 1, *s), np.uint8), 0, [0]).growth for s in sizes] == [1.0, 1.0, 2.0, 7.0]
    assert Batch(np.zeros((1, 1, 64, 64), np.uint8), 0, [0]).length(6) == 12
