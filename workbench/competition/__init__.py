"""Competition between units: units that suppress each other, models of retina and cortex, a bandit, their pictures.

What is measured in trained networks is in experiments.
"""
