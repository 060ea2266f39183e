"""Train the ten members, of which three are used: ``python -m example_models.lenet5_ensemble_3.train``."""

from example_models.lenet5_ensemble_10.train import main

if __name__ == "__main__":
    main()
