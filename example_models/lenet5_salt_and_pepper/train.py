"""Train LeNet-5 with salt-and-pepper noise: ``python -m example_models.lenet5_salt_and_pepper.train``."""

from example_models.lenet5.train import variant
from example_models.lenet5_salt_and_pepper import WEIGHTS
from example_models.recipes import salt_and_pepper

main = variant(__doc__, WEIGHTS, salt_and_pepper)

if __name__ == "__main__":
    main()
