"""Train LeNet-5 on digits attacked in one step, linf 0.3: ``python -m example_models.lenet5_fgsm_03.train``."""

from example_models.lenet5.train import variant
from example_models.lenet5_fgsm_03 import WEIGHTS
from example_models.recipes import fgsm

main = variant(__doc__, WEIGHTS, fgsm(0.3))

if __name__ == "__main__":
    main()
