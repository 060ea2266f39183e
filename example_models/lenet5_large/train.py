"""Train LeNet-5 with four times the width: ``python -m example_models.lenet5_large.train``."""

from example_models.lenet5.train import variant
from example_models.lenet5_large import WEIGHTS, make

main = variant(__doc__, WEIGHTS, make=make)

if __name__ == "__main__":
    main()
