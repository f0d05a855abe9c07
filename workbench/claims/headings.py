"""Headings of notebook 11, under which claims on sparse Lp are shown: a notebook and one of its headings."""

_NOTEBOOK = "11-sparse-lp-questions"

ACCURACY = f"{_NOTEBOOK}#1. Does it improve accuracy, or reduce overfitting?"
SPARSITY = f"{_NOTEBOOK}#2. How does sparsity affect performance?"
EXPONENT = f"{_NOTEBOOK}#3. Is there a best p?"
SENSITIVITY = f"{_NOTEBOOK}#4. How sensitive is it to alpha and to the threshold?"
COMPARISON = f"{_NOTEBOOK}#5. How does it compare with L2, dropout, elastic net, pruning and early stopping?"
OPTIMIZER = f"{_NOTEBOOK}#6. Which optimizer does it need?"
COST = f"{_NOTEBOOK}#7. What does it cost?"
INTERPRETATION = f"{_NOTEBOOK}#Are sparse weights easier to interpret?"
