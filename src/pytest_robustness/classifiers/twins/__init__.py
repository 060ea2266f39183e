"""Differentiable twins: torch modules in float64 that compute what a fitted scikit-learn estimator computes.

==================================================  ================================================================
estimator                                           twin
==================================================  ================================================================
MLPClassifier, LogisticRegression, SGDClassifier,   exact
LinearSVC, Perceptron, RidgeClassifier,
GaussianNB, LinearDiscriminantAnalysis,
QuadraticDiscriminantAnalysis
SVC, NuSVC                                          exact scores and predictions, of more than two classes with the
                                                    gradient of soft duels; no probabilities of their own, see below
CalibratedClassifierCV                              exact, with a guide where an isotonic regression is flat
VotingClassifier                                    exact where soft, a surrogate where hard
BaggingClassifier                                   exact where its members have probabilities, else a surrogate
KNeighborsClassifier                                a surrogate
Pipeline, GridSearchCV, RandomizedSearchCV,         that of what they hold; a Pipeline of StandardScaler,
FrozenEstimator                                     MinMaxScaler, Normalizer and PCA in front of a classifier
==================================================  ================================================================

An ensemble that holds a surrogate is one. A surrogate lends its gradient only: whatever is predicted, in the middle of
an attack too, comes from the estimator.

Known limits:

- An SVC with ``probability=True`` predicts by votes, which its own probabilities contradict now and then. Its twin
  follows the prediction and offers no probabilities; in an ensemble, which counts them, they are reproduced. Ask with
  ``outputs="probabilities"`` for the estimator's own, without gradients.
- Kernels that are functions or matrices, other metrics than the Euclidean, Manhattan and Chebyshev distance, and
  Gaussian models with a prior of zero have no twin.
- Where a kernel machine is flat to the last bit of float64, because gamma is too large for the pixels, so is its twin.
- A GaussianNB on pixels that hardly ever change sums up terms as large as 1e10, whose rounding shows in the
  probabilities, from about the ninth digit on.
- Where two classes are level to the last bit, rounding decides, and may do so differently than in the estimator.
"""

from pytest_robustness.classifiers.twins.build import Twin, build_twin
from pytest_robustness.classifiers.twins.heads import pointed_at

__all__ = ["Twin", "build_twin", "pointed_at"]
