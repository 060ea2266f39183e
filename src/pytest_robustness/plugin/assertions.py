"""What a failed ``assert measurement >= bound`` says."""

from __future__ import annotations

import sys

_MIRRORED = {">=": "<=", "<=": ">=", ">": "<", "<": ">"}


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain a comparison with a Measurement: its value, interval, n, what is missing, the worst part."""
    if "pytest_robustness.evaluations" not in sys.modules or op not in _MIRRORED:
        return None
    from pytest_robustness.evaluations import Measurement, Threshold, judge
    from pytest_robustness.plugin.facade import Comparison
    from pytest_robustness.scorecard.record import explain

    if not isinstance(left, Measurement):
        left, right, op = right, left, _MIRRORED[op]
    if not isinstance(left, Measurement) or not isinstance(right, (int, float, Measurement)):
        return None
    threshold = Threshold(left.metric, op, float(right), family=left.family)
    if isinstance(left.on_compare, Comparison):
        return explain(left, threshold, left.on_compare.verdict(left, threshold))
    return explain(left, threshold, judge(left, threshold, rule="point"))
