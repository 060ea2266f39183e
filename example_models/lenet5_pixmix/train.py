"""Train LeNet-5 with PixMix: ``python -m example_models.lenet5_pixmix.train``."""

from example_models.lenet5.train import variant
from example_models.lenet5_pixmix import WEIGHTS
from example_models.pixmix import pixmix

main = variant(__doc__, WEIGHTS, pixmix)

if __name__ == "__main__":
    main()
