"""Linear models with a penalty: losses, penalties, solvers and regularization paths. Networks belong to training."""
