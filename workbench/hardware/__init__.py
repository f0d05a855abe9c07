"""Dropout masks drawn by a chip, and what makes drawing them fast in software. The operators are in sparse_dropout."""
