"""The parts of the benchmark on one GPU (benchmarks/gpu.py)."""
