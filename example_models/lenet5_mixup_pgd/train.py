"""Train LeNet-5 with MixUp, then PGD, linf 0.2: ``python -m example_models.lenet5_mixup_pgd.train``."""

from example_models.lenet5.train import ATTACKED_EPOCHS, variant
from example_models.lenet5_mixup_pgd import WEIGHTS
from example_models.recipes import mixup, pgd

main = variant(__doc__, WEIGHTS, mixup, pgd(0.2), epochs=ATTACKED_EPOCHS)

if __name__ == "__main__":
    main()
