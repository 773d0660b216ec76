"""Brains in three linked planes, beside the nearest real scan, as one HTML page that loads nothing."""
