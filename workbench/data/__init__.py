"""Data sets that ship with a library, or are generated from a seed. What is computed from them is in experiments."""
