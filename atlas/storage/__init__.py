"""Storage: file systems, the store of committed artifacts, and leases on steps in training."""
