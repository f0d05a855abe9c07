"""The declarations of the claims: one file for each family of claims that similar experiments answer.

Each file has a list CLAIMS; the ledger finds all of them.
"""
