"""From scans, however they lie on disk, to cubes of one size: found, checked, brain only, averaged down, split."""
