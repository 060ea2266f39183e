"""Train LeNet-5 with PGD, linf 0.2, then CutOut: ``python -m example_models.lenet5_pgd_cutout.train``."""

from example_models.lenet5.train import ATTACKED_EPOCHS, variant
from example_models.lenet5_pgd_cutout import WEIGHTS
from example_models.recipes import cutout, pgd

main = variant(__doc__, WEIGHTS, pgd(0.2), cutout, epochs=ATTACKED_EPOCHS)

if __name__ == "__main__":
    main()
