"""Evaluate folders of NIfTI from any generator, and write what was found as one HTML page."""
