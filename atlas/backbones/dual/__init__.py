"""The family of dual encoders: CLIP (Radford et al., 2021), MetaCLIP 2, SigLIP (Zhai et al., 2023). Thin.

A member is one module here with its class of `DualBackbone`, and its line in `config.MEMBERS` with its usual sizes.
"""
