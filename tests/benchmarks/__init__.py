"""How fast, as ratios: python -m tests.benchmarks"""
