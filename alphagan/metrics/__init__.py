"""How close generated volumes are to real ones, one file per metric.

Every metric takes volumes as float tensors (n, S, S, S) with values in [-1, 1], background -1, on any device. Whatever
is random comes from a numpy Generator that the caller seeds, so that figures do not depend on the device.
Intervals are 95 % and resample subjects, not volumes: flipped, rescaled or repeated scans of one person are one unit.
"""
