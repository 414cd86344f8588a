"""A step and its walk: what is trained, how it is trained, and what a walk along an order comes to."""
