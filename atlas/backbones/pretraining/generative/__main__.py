"""`python -m atlas.backbones.pretraining.generative`: see `train`."""

from atlas.backbones.pretraining.generative.train import main

if __name__ == "__main__":
    main()
