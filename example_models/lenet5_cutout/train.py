"""Train LeNet-5 with CutOut: ``python -m example_models.lenet5_cutout.train``."""

from example_models.lenet5.train import variant
from example_models.lenet5_cutout import WEIGHTS
from example_models.recipes import cutout

main = variant(__doc__, WEIGHTS, cutout)

if __name__ == "__main__":
    main()
