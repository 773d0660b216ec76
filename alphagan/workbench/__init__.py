"""What people touch: the commands, what notebooks work on, the pipeline, the benchmark."""
