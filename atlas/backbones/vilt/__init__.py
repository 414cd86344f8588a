"""The family `vilt`: one encoder over text and image tokens (Kim et al., 2021). Thin: import the modules themselves."""
