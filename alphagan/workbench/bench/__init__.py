"""How fast the training step is, and what the textbook's takes in the same run."""
