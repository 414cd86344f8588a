"""Contrastive pre-training of `clip-tiny` on the offline scenes and captions. Thin: import the modules themselves."""
