"""Experiments: functions of parameters and a seed that return numbers, run by notebooks and sweeps alike."""
