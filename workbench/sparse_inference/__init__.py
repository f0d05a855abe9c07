"""Weights that are mostly zero, in the forms in which a trained network can be stored and run, and what each costs.

A form is made with `from_dense` and has `to_dense`, `nbytes` and `product`. How weights become zero is the subject of
`sparse_lp`, `baselines.pruning` and `training.penalties`.
"""

from workbench.sparse_inference.forms import FORMS, Bitmap, Csr, Dense, Form, RowPruned

__all__ = ["FORMS", "Bitmap", "Csr", "Dense", "Form", "RowPruned"]
