"""What params.yaml may say, key by key, as checked and immutable objects; where results go."""
