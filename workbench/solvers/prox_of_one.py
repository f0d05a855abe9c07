"""Compiled proximal operator of one number, for every p; the loops of coordinate descent inline it."""

import math

from workbench.compiling import compiler

part = compiler(forceinline=True, fastmath={"reassoc", "contract"})

NEWTON_STEPS = 60  # more than any input needs: Newton's method converges quadratically


@part
def _below_one(x, weight, p):
    """Return the z >= 0 that minimizes 1/2 (z - x)^2 + weight z^p for x > 0, weight > 0 and 0 < p < 1.

    A minimum above 0 is the lowest if it is beyond `least`. From there on, the derivative is convex with a slope above
    1/2, so Newton's method from z = x decreases to its root and never passes it.
    """
    least = (2 * weight * (1 - p)) ** (1 / (2 - p))
    if x <= least + weight * p * least ** (p - 1):
        return 0.0
    z = x
    for _ in range(NEWTON_STEPS):
        pull = weight * p * (1 / math.sqrt(z) if p == 0.5 else math.exp((p - 1) * math.log(z)))
        step = (z - x + pull) / (1 - (1 - p) * pull / z)
        z = max(z - step, least)
        if abs(step) <= 1e-15 * z:
            break
    return z


@part
def _above_one(x, weight, p):
    """Return the z that minimizes 1/2 (z - x)^2 + weight z^p for x > 0, weight > 0 and finite p > 1.

    With u = log z, the equation z + weight p z^(p - 1) = x says that a log-sum-exp of two lines in u equals log x. It
    is convex and increasing, so Newton's method from above decreases to the root, without overflow for any p.
    """
    steep, height, goal = p - 1, math.log(weight) + math.log(p), math.log(x)
    u = min(goal, (goal - height) / steep)
    for _ in range(NEWTON_STEPS):
        first, second = u, height + steep * u
        top = max(first, second)
        one, other = math.exp(first - top), math.exp(second - top)
        step = (top + math.log(one + other) - goal) * (one + other) / (one + steep * other)
        u -= step
        if abs(step) <= 1e-15:
            break
    return math.exp(u)


@part
def prox(x, weight, p):
    """Return argmin_z 1/2 (z - x)^2 + weight |z|^p; if there are two minima, the one at 0."""
    if weight == 0 or x == 0:
        return x
    if p == 1:
        return math.copysign(max(abs(x) - weight, 0.0), x)
    if p == 0:
        return x if x * x > 2 * weight else 0.0
    if p == 2:
        return x / (1 + 2 * weight)
    if p == math.inf:
        return max(-1.0, min(1.0, x))
    return math.copysign(_below_one(abs(x), weight, p) if p < 1 else _above_one(abs(x), weight, p), x)
