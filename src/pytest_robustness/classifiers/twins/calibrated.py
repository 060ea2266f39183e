"""Twins of calibrated classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pytest_robustness.classifiers.twins.ensembles import Mean
from pytest_robustness.classifiers.twins.heads import Head, double, led_by, log_odds, log_shares, with_gradient_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.isotonic import IsotonicRegression

    from pytest_robustness.classifiers.twins.ensembles import Build

_ADDED = 1e-12
"""What scikit-learn adds to probabilities before it takes their logarithm."""


_STEEPEST = 1e9
"""The largest slope of a logarithm that is followed, so that none overflows in float32 on its way to the pixels."""


class Calibrated(Head):
    """One classifier and its calibrators.

    Parameters
    ----------
    head : Head
    calibrate : torch.nn.Module
        From what the classifier says, decisions or logarithms of probabilities, (B, K) or (B, 1) for two classes, and
        from guides of the same shape, which rise with it and are never flat, to logarithms of probabilities (B, K).
    by_decision : bool
        Whether the calibrators take the decision function; otherwise probabilities.
    """

    methods = ("predict_proba",)
    has_decision = False

    def __init__(self, head: Head, calibrate: nn.Module, *, by_decision: bool) -> None:
        super().__init__()
        self.head = head
        self.calibrate = calibrate
        self.by_decision = by_decision
        self.exact = head.exact

    def forward(self, x: Tensor) -> Tensor:
        """Return logarithms of probabilities (B, K)."""
        if self.by_decision:
            said = self.head.decision(x)
            said = said[:, 1:] - said[:, :1] if said.shape[1] == 2 else said
            guides = said
        else:
            said = self.head.log_proba(x)
            guides = log_odds(said)
            said, guides = (said[:, 1:], guides[:, 1:]) if said.shape[1] == 2 else (said, guides)
        found: Tensor = self.calibrate(said, guides)
        return found


class _Sigmoids(nn.Module):
    """Platt's sigmoid of each class, divided by their sum."""

    def __init__(self, calibrators: list[Any], *, by_decision: bool) -> None:
        super().__init__()
        self.slopes = nn.Buffer(double([one.a_ for one in calibrators]))
        self.offsets = nn.Buffer(double([one.b_ for one in calibrators]))
        self.by_decision = by_decision

    def forward(self, said: Tensor, guides: Tensor) -> Tensor:
        values = said if self.by_decision else said.exp()
        odds = led_by(-(self.slopes * values + self.offsets), -self.slopes * guides)
        if odds.shape[1] == 1:
            return torch.cat([torch.zeros_like(odds), odds], dim=1).log_softmax(dim=1)
        return nn.functional.logsigmoid(odds).log_softmax(dim=1)


class _Isotonic(nn.Module):
    """An isotonic regression: from scores (B,) to its values and slopes, without gradients."""

    def __init__(self, calibrator: IsotonicRegression) -> None:
        super().__init__()
        self.knots = nn.Buffer(double(calibrator.X_thresholds_))
        self.levels = nn.Buffer(double(calibrator.y_thresholds_))

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        if len(self.knots) == 1:
            return self.levels.expand(len(t)), torch.zeros_like(t)
        inside = t.clamp(float(self.knots[0]), float(self.knots[-1]))
        right = torch.searchsorted(self.knots, inside).clamp(1, len(self.knots) - 1)
        left = right - 1
        rise, run = self.levels[right] - self.levels[left], self.knots[right] - self.knots[left]
        values = self.levels[left] + rise * ((inside - self.knots[left]) / run)
        return values, torch.where(inside == t, rise / run, 0.0)


class _Isotonics(nn.Module):
    """An isotonic regression of each class, divided by their sum.

    It is flat over wide ranges, for sure samples above all, where its gradient is zero. There the sigmoid of the guides
    leads, over decisions in the middle of those it was fitted to and a tenth as wide; the values are not touched.
    """

    def __init__(self, calibrators: list[IsotonicRegression], *, by_decision: bool) -> None:
        super().__init__()
        self.parts = nn.ModuleList([_Isotonic(one) for one in calibrators])
        ends = np.array([(one.X_thresholds_[0], one.X_thresholds_[-1]) for one in calibrators], dtype=np.float64)
        widths = np.maximum(np.diff(ends, axis=1)[:, 0] / 10, 1 / _STEEPEST)
        self.middles = nn.Buffer(double(ends.mean(axis=1) if by_decision else 0.0))
        self.widths = nn.Buffer(double(widths if by_decision else 1.0))
        self.by_decision = by_decision

    def forward(self, said: Tensor, guides: Tensor) -> Tensor:
        guides = (guides - self.middles) / self.widths
        with torch.no_grad():
            inputs = said if self.by_decision else said.exp()
            pairs = [part(column) for part, column in zip(self.parts, inputs.T, strict=True)]
            values, slopes = (torch.stack(list(kind), dim=1) for kind in zip(*pairs, strict=True))
            # By what is said: steps between probabilities of 1e-300 are steep, but not between their logarithms.
            slopes = slopes if self.by_decision else slopes * inputs
        if len(self.parts) == 1:
            values, slopes = torch.cat([1 - values, values], dim=1), torch.cat([-slopes, slopes], dim=1)
            guides = torch.cat([-guides, guides], dim=1)
        slopes = torch.where(values > 0, slopes / values, 0.0).clamp(-_STEEPEST, _STEEPEST)
        return log_shares(with_gradient_of(values.log(), slopes * said), nn.functional.logsigmoid(guides))


class _Temperature(nn.Module):
    """The softmax of logits times an inverse temperature."""

    def __init__(self, calibrators: list[Any], *, by_decision: bool) -> None:
        super().__init__()
        self.beta = nn.Buffer(double(calibrators[0].beta_))
        self.by_decision = by_decision

    def forward(self, said: Tensor, guides: Tensor) -> Tensor:
        binary = said.shape[1] == 1
        if self.by_decision:
            logits = torch.cat([-said, said], dim=1) if binary else said
        else:
            chances = torch.cat([1 - said.exp(), said.exp()], dim=1) if binary else said.exp()
            logits = led_by((chances + _ADDED).log(), torch.cat([-guides, guides], dim=1) if binary else guides)
        return (self.beta * logits).log_softmax(dim=1)


def calibrated(estimator: CalibratedClassifierCV, build: Build) -> Head | None:
    """Return the twin of a calibrated classifier; none where what it calibrates has none."""
    heads = [_calibrated(one, build) for one in estimator.calibrated_classifiers_]
    known = [head for head in heads if head is not None]
    return Mean(known) if len(known) == len(heads) else None


def _calibrated(pair: Any, build: Build) -> Head | None:
    head = build(pair.estimator)
    by_decision = hasattr(pair.estimator, "decision_function")
    # A classifier whose training part lacked a class would need places; one that decides between pairs gives
    # scikit-learn more columns than it has calibrators.
    complete = len(pair.estimator.classes_) == len(pair.classes)
    if head is None or not complete or (by_decision and not head.has_decision) or pair.method not in _CALIBRATORS:
        return None
    calibrate = _CALIBRATORS[pair.method](pair.calibrators, by_decision=by_decision)
    return Calibrated(head, calibrate, by_decision=by_decision)


_CALIBRATORS: dict[str, Callable[..., nn.Module]] = {
    "sigmoid": _Sigmoids,
    "isotonic": _Isotonics,
    "temperature": _Temperature,
}
