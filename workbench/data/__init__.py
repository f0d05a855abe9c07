"""Data sets that ship with a library or are generated from a seed. The code that uses them is in `experiments`."""
