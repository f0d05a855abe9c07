"""Linear models with a penalty: losses, solvers, paths, estimators for scikit-learn. Networks belong to training."""

from typing import TYPE_CHECKING

from workbench.lazily import lazily

if TYPE_CHECKING:
    from workbench.solvers.estimators import LpClassifier as LpClassifier
    from workbench.solvers.estimators import LpRegressor as LpRegressor
    from workbench.solvers.estimators import LpRegressorCV as LpRegressorCV

__all__, __getattr__ = lazily(__name__, estimators="LpClassifier LpRegressor LpRegressorCV")
