"""Upkeep of a storage: inventory, verification, export and collection of its steps, and checks of a cluster.

Thin, since the command line imports it: `commands` imports the rest when it is called.
"""
