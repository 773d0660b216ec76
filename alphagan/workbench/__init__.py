"""What people touch: commands, the pipeline and its notebooks, plans and benchmarks. Nothing depends on it."""
