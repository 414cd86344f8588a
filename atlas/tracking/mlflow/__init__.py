"""Tracking in MLflow: runs as a tree, found again by key; the sink, signing in, servers, and reading runs back."""
