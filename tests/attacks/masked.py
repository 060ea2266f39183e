"""A zoo of models whose gradients mislead, and of honest ones that must not be taken for them.

Every masked model is an honest network with something before it, after it or in its training that keeps a gradient
attack from working, in ways known from Athalye, Carlini and Wagner 2018 (arXiv:1802.00420) and Pintor et al. 2022
(arXiv:2106.09947).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Around(nn.Module):
    """A network with something before it and something after it."""

    def __init__(self, inner, before=lambda pixels: pixels, after=lambda logits: logits):
        super().__init__()
        self.inner, self.before, self.after = inner, before, after

    def forward(self, pixels):
        return self.after(self.inner(self.before(pixels)))


def quantised(levels):
    """Round every pixel to one of so many levels: the slope is zero everywhere."""
    return lambda pixels: (pixels * (levels - 1)).round() / (levels - 1)


def bit_depth(bits):
    """Keep the upper bits of 8: a cast to bytes cuts the gradient."""
    return lambda pixels: ((pixels * 255).byte() >> (8 - bits)).float() / (2**bits - 1)


def thermometer(levels):
    """Code every pixel by which of the levels it passes (Buckman et al. 2018), and read the code back."""
    thresholds = (torch.arange(levels - 1) + 0.5) / (levels - 1)
    return lambda pixels: (pixels[..., None] > thresholds).float().mean(dim=-1)


def jpeg_like(step):
    """Round the cosine transform of every block of 4 x 4 pixels to multiples of `step`, as JPEG does with 8 x 8."""
    rows = torch.arange(4)
    basis = torch.cos(torch.pi * (rows[None] + 0.5) * rows[:, None] / 4) * 0.5**0.5
    basis[0] /= 2**0.5

    def code(pixels):
        batch, channels, height, width = pixels.shape
        blocks = pixels.reshape(batch, channels, height // 4, 4, width // 4, 4).transpose(3, 4)
        rounded = (basis @ blocks @ basis.T / step).round() * step
        return (basis.T @ rounded @ basis).transpose(3, 4).reshape(pixels.shape)

    return code


def shattered(amplitude, frequency):
    """Add a ripple too fine to change a decision, whose slope drowns that of the network."""
    return lambda pixels: pixels + amplitude * torch.sin(frequency * pixels)


def straight_through_round(levels):
    """Round, with the slope of the identity: quantised, but honest about where to go."""
    round_ = quantised(levels)
    return lambda pixels: pixels + (round_(pixels) - pixels).detach()


def one_hot(logits):
    """Tell the label and nothing else, with a slope of zero."""
    return nn.functional.one_hot(logits.argmax(dim=1), logits.shape[1]).to(logits.dtype) + 0 * logits


class Dropped(nn.Module):
    """A network whose dropout stays on in evaluation mode."""

    def __init__(self, inner, share=0.3):
        super().__init__()
        self.inner, self.share = inner, share

    def forward(self, pixels):
        features = self.inner[:-1](pixels)
        return self.inner[-1](nn.functional.dropout(features, self.share, training=True))


class Training(nn.Module):
    """A network that goes back to training mode in every call."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.drop = inner, nn.Dropout(0.3)

    def forward(self, pixels):
        self.drop.train()
        return self.inner(self.drop(pixels))


class BatchNormalised(nn.Module):
    """A network that normalises by the batch at hand, so that one image changes the scores of another."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, pixels):
        return nn.functional.batch_norm(self.inner(pixels), None, None, training=True)


def small_net(seed=0, width=8, *, smooth=False, batch_norm=False):
    """Return an untrained convolutional network for 1 x 28 x 28 images and ten classes, with seeded weights."""
    slope = nn.GELU if smooth else nn.ReLU
    norm = [nn.BatchNorm2d(width)] if batch_norm else []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, width, 4, stride=2, padding=1),
            *norm,
            slope(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            slope(),
            nn.Flatten(),
            nn.Linear(98 * width, 50),
            slope(),
            nn.Linear(50, 10),
        )


def train(net, images, labels, *, epochs, attack=None, seed=0, rate=2e-3, decay=0.0):
    """Train in place by Adam with a falling rate; `attack` maps (net, images, labels, share of the way) to images."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=rate, weight_decay=decay)
    steps = epochs * (len(images) // 100)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    net.train()
    for step in range(steps):
        rows = torch.randint(len(images), (100,), generator=generator)
        x, y = images[rows], labels[rows]
        if attack is not None:
            x = attack(net, x, y, step / steps)
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
        schedule.step()
    return net.eval().requires_grad_(requires_grad=False)


def pgd_examples(eps, steps=5):
    """Return the attack of honest adversarial training (Madry et al. 2018), its radius growing over the first half."""

    def attack(net, images, labels, share):
        radius = eps * min(1.0, 2 * share + 0.1)
        noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(int(share * 1e6)))
        points = (images + radius * (2 * noise - 1)).clamp(0, 1)
        for _ in range(steps):
            points = _stepped(net, points, images, labels, size=2.5 * radius / steps, radius=radius)
        return points

    return attack


def _stepped(net, points: Tensor, centre: Tensor, labels: Tensor, *, size: float, radius: float) -> Tensor:
    points = points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(net(points), labels), points)
    points = points.detach() + size * gradient.sign()
    return (centre + (points - centre).clamp(-radius, radius)).clamp(0, 1)
