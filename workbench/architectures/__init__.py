"""Whole networks, counted: what layers cost, well-known networks, an operator's overhead in them, published sizes.

What one call of an operator costs is counted in the operator's own folder.
"""
