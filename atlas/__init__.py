"""atlas: sweep task orders, adapters and schedules of multi-modal continual learning on Ray."""
