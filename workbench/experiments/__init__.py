"""Experiments: functions of parameters and a seed that return numbers, run by notebooks and sweeps alike.

Their data sets are in data, and the models that they fit in solvers. The folder sweep runs many trials of them.
"""
