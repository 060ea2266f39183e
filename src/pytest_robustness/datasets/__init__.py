"""Data sets: a name, a file or arrays -> `Dataset`; sets of outliers; the files of MNIST-C."""

from __future__ import annotations

from pytest_robustness.datasets.dataset import Dataset
from pytest_robustness.datasets.files import DatasetInfo, data_folder, dataset_names, describe, fetch
from pytest_robustness.datasets.idx import read_idx
from pytest_robustness.datasets.loading import as_dataset, load_dataset
from pytest_robustness.datasets.mnist_c import load_mnist_c, mnist_c_corruptions
from pytest_robustness.datasets.outliers import OUTLIERS, load_outliers

__all__ = [
    "OUTLIERS",
    "Dataset",
    "DatasetInfo",
    "as_dataset",
    "data_folder",
    "dataset_names",
    "describe",
    "fetch",
    "load_dataset",
    "load_mnist_c",
    "load_outliers",
    "mnist_c_corruptions",
    "read_idx",
]
