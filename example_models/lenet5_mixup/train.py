"""Train LeNet-5 with MixUp: ``python -m example_models.lenet5_mixup.train``."""

from example_models.lenet5.train import variant
from example_models.lenet5_mixup import WEIGHTS
from example_models.recipes import mixup

main = variant(__doc__, WEIGHTS, mixup)

if __name__ == "__main__":
    main()
