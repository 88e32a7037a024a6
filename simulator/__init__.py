"""The race: virtual clock and workers, histories, the grid of races, and benchmarks opened by name."""
