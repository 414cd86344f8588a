"""Upkeep of a storage: what its store holds, whether it is whole, what goes out of it and what may go away.

Thin, since the command line imports it: `commands` imports the rest when it is called.
"""
