"""What a finished run is for: new brains from random codes, scans given back, NIfTI files."""
