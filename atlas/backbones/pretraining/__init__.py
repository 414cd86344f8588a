"""Pre-training of `vilt-tiny` on generated scenes and sentences: `python -m atlas.backbones.pretraining`."""
