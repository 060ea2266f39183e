"""Anomaly scores from what a model says about samples, larger for the more anomalous; all in float64.

They are computed in log space: a softmax in float32 is exactly 1 for many confident inputs, and they would tie.
"""

from __future__ import annotations

from pytest_robustness.metrics.scores.base import Head, Need, Outputs, Score
from pytest_robustness.metrics.scores.confidence import energy_score
from pytest_robustness.metrics.scores.registry import SCORES

__all__ = ["SCORES", "Head", "Need", "Outputs", "Score", "energy_score"]
