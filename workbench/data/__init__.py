"""Data sets that ship with a library or are generated from a seed. The folder experiments holds what uses them."""
