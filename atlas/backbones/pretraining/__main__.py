"""`python -m atlas.backbones.pretraining`: see `train`."""

from atlas.backbones.pretraining.train import main

if __name__ == "__main__":
    main()
