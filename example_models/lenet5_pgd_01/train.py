"""Train LeNet-5 on digits attacked by PGD, linf 0.1: ``python -m example_models.lenet5_pgd_01.train``."""

from example_models.lenet5.train import ATTACKED_EPOCHS, variant
from example_models.lenet5_pgd_01 import WEIGHTS
from example_models.recipes import pgd

main = variant(__doc__, WEIGHTS, pgd(0.1), epochs=ATTACKED_EPOCHS)

if __name__ == "__main__":
    main()
