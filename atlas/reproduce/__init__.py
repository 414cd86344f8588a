"""Reproduce a run: replay it from its records, run it again in a clean store, compare every score.

Thin, since the command line imports it: `commands` imports the rest when it is called.
"""
