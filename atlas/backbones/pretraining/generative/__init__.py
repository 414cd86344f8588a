"""Pre-training of `vlm-tiny` on questions about scenes: `python -m atlas.backbones.pretraining.generative`."""
