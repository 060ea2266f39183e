"""Data sets: a name, a file or arrays -> `Dataset`; sets of outliers; the files of MNIST-C."""

from __future__ import annotations

from pytest_robustness.datasets.dataset import Dataset
from pytest_robustness.datasets.fetching import fetch
from pytest_robustness.datasets.files import DatasetInfo, data_folder, dataset_names, describe
from pytest_robustness.datasets.fitting import checked_fit, load_fitting
from pytest_robustness.datasets.idx import read_idx
from pytest_robustness.datasets.loading import as_dataset, load_dataset, size_of
from pytest_robustness.datasets.mnist_c import describe_mnist_c, load_mnist_c, mnist_c_corruptions
from pytest_robustness.datasets.outliers import OUTLIER_SUITES, OUTLIERS, load_outliers

__all__ = [
    "OUTLIERS",
    "OUTLIER_SUITES",
    "Dataset",
    "DatasetInfo",
    "as_dataset",
    "checked_fit",
    "data_folder",
    "dataset_names",
    "describe",
    "describe_mnist_c",
    "fetch",
    "load_dataset",
    "load_fitting",
    "load_mnist_c",
    "load_outliers",
    "mnist_c_corruptions",
    "read_idx",
    "size_of",
]
