"""Work packed for another machine, done there in slices of some minutes, and what it made brought back."""
