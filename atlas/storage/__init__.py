"""Where steps are kept: file systems, the store of committed artifacts, and the leases on steps in training."""
