"""`python -m atlas.backbones.pretraining.contrastive`: see `train`."""

from atlas.backbones.pretraining.contrastive.train import main

if __name__ == "__main__":
    main()
