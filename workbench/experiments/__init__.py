"""Experiments: functions of parameters and a seed that return numbers, run by notebooks and sweeps alike.

The data that they use is in data, the models that they fit in solvers; what runs many of them is in sweep.
"""
