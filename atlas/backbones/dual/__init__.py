"""The family of dual encoders: CLIP (Radford et al., 2021), SigLIP (Zhai et al., 2023). Thin: import the modules.

A member is one module here with its class of `DualBackbone`, its sizes by default in `config`, and a line in
`FAMILIES`.
"""
