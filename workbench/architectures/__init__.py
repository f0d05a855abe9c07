"""Whole networks, counted: what layers cost, well-known networks, an operator's overhead in them, published sizes."""
