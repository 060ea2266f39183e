"""Train LeNet-5 with CutOut, then PGD, linf 0.2: ``python -m example_models.lenet5_cutout_pgd.train``."""

from example_models.lenet5.train import ATTACKED_EPOCHS, variant
from example_models.lenet5_cutout_pgd import WEIGHTS
from example_models.recipes import cutout, pgd

main = variant(__doc__, WEIGHTS, cutout, pgd(0.2), epochs=ATTACKED_EPOCHS)

if __name__ == "__main__":
    main()
