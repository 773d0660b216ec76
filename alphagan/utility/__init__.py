"""Does it help: whether generated brains, added to real ones, teach a reader of age more than real ones alone do."""
