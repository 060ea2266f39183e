"""Certificates of smoothed classifiers: exact thresholds for changed values (L0), radii in L2, bounds by sampling."""

from pytest_robustness.certificates.binomial import clopper_pearson_lower, clopper_pearson_upper, samples_needed
from pytest_robustness.certificates.gaussian import l2_radius
from pytest_robustness.certificates.noise import DiscreteNoise, GaussianNoise, Noise
from pytest_robustness.certificates.regions import region_cardinality
from pytest_robustness.certificates.results import ABSTAIN, Certificates, RadiusCertificates
from pytest_robustness.certificates.sequential import Plan, plan_of_looks
from pytest_robustness.certificates.smoothing import SmoothedClassifier
from pytest_robustness.certificates.sparse import sparse_thresholds
from pytest_robustness.certificates.threshold_files import read_thresholds, write_thresholds
from pytest_robustness.certificates.thresholds import l0_thresholds

__all__ = [
    "ABSTAIN",
    "Certificates",
    "DiscreteNoise",
    "GaussianNoise",
    "Noise",
    "Plan",
    "RadiusCertificates",
    "SmoothedClassifier",
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "l0_thresholds",
    "l2_radius",
    "plan_of_looks",
    "read_thresholds",
    "region_cardinality",
    "samples_needed",
    "sparse_thresholds",
    "write_thresholds",
]
