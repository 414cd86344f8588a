"""Sweeps in Python: run one, open an old one; its best trial, its tables and its trained model."""
