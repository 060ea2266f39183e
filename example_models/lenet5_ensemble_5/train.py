"""Train the ten members, of which five are used: ``python -m example_models.lenet5_ensemble_5.train``."""

from example_models.lenet5_ensemble_10.train import main

if __name__ == "__main__":
    main()
