"""Count whole networks: costs of layers, well-known networks, an operator's overhead in them, published sizes.

The cost of one call of an operator is counted in the operator's own folder.
"""
