"""How fast training, metrics and preparation are, beside a textbook's way of doing the same."""
