"""Shared parts of the data sets' readers: files, layouts, splits, records, answers and regions."""
