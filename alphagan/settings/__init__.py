"""What params.yaml may say, as checked and immutable objects, and where results go."""
