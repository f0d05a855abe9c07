"""Compute where a loss touches an Lp ball in the plane, to show why the corners of the ball give sparse weights.

The loss is 1/2 (w - c)^T A (w - c), with its minimum c outside the ball |w_1|^p + |w_2|^p <= radius^p. For p = 0 the
ball is the cross of all points with a zero coordinate, which has no radius.
"""

import math

import numpy as np

CURVATURE = np.array([[1.0, 0.5], [0.5, 1.0]])  # the matrix A of the loss
EVEN = np.linspace(0.0, math.pi / 4, 451)
NEAR_AN_AXIS = np.geomspace(1e-12, 1e-3, 200)  # angles near an axis, where balls have corners
ALONG_AN_ARM = 200  # points; for a small p, an arm except its tip lies at angles below all of those


def boundary(p: float, radius: float = 1.0) -> np.ndarray:
    """Return points (points, 2) of the ball's boundary in the order of their angles, including those on the axes.

    For p = 0 they are the origin and the point at `radius` on each half-axis.
    """
    if p == 0:
        return radius * np.array([[1, 0], [0, 0], [0, 1], [0, 0], [-1, 0], [0, 0], [0, -1], [0, 0]], float)
    rising = radius * _from_an_axis_to_the_diagonal(p)
    quarter = np.concatenate([rising, rising[-2:0:-1, ::-1]])
    turns = [quarter]
    for _ in range(3):
        turns.append(np.column_stack([-turns[-1][:, 1], turns[-1][:, 0]]))
    return np.concatenate([*turns, quarter[:1]])


def _from_an_axis_to_the_diagonal(p: float) -> np.ndarray:
    """Return points (points, 2) of the boundary with radius 1 in the order of their angles, starting at (1, 0)."""
    slope = np.tan(np.unique(np.concatenate([EVEN, NEAR_AN_AXIS])))
    if p == math.inf:
        return np.column_stack([np.ones_like(slope), slope])
    by_angle = (1 + slope**p) ** (-1 / p)  # 0 for a tiny p: between its arms, the ball is only the origin
    along = np.linspace(2 ** (-1 / p), 1, ALONG_AN_ARM + 2)[1:-1]
    largest = np.concatenate([by_angle, along])
    smallest = np.concatenate([slope * by_angle, (-np.expm1(p * np.log(along))) ** (1 / p)])
    order = np.lexsort((smallest, -largest))
    return np.column_stack([largest, smallest])[order]


def loss(points: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Return the loss at points (points, 2)."""
    offset = points - center
    return 0.5 * np.einsum("ni,ij,nj->n", offset, CURVATURE, offset)


def contour(level: float, center: np.ndarray) -> np.ndarray:
    """Return points (points, 2) of the ellipse on which the loss is `level`."""
    values, vectors = np.linalg.eigh(CURVATURE)
    angle = np.linspace(0, 2 * math.pi, 241)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    return center + np.sqrt(2 * level) * circle / np.sqrt(values) @ vectors.T


def touching_point(center: np.ndarray, p: float, radius: float = 1.0) -> np.ndarray:
    """Return the point of the ball with the smallest loss: the centre itself if it lies inside the ball."""
    center = np.asarray(center, float)
    if p == 0:
        candidates = np.array([_least_on_axis(center, axis) for axis in (0, 1)])
    elif _inside(center, p, radius):
        return center
    else:
        candidates = boundary(p, radius)
    return candidates[np.argmin(loss(candidates, center))]


def share_on_axes(p: float, directions: int = 720, distance: float = 2.0) -> float:
    """Return the share of directions of the loss's minimum for which the touching point is on an axis (within 1e-9)."""
    angles = (np.arange(directions) + 0.5) * 2 * math.pi / directions
    centers = distance * np.column_stack([np.cos(angles), np.sin(angles)])
    return float(np.mean([np.any(np.abs(touching_point(center, p)) < 1e-9) for center in centers]))


def _inside(center: np.ndarray, p: float, radius: float) -> bool:
    size = np.abs(center) / radius
    with np.errstate(over="ignore"):
        return bool(size.max() <= 1 if p == math.inf else (size**p).sum() <= 1)


def _least_on_axis(center: np.ndarray, axis: int) -> np.ndarray:
    point = np.zeros(2)
    point[axis] = center[axis] + CURVATURE[axis, 1 - axis] / CURVATURE[axis, axis] * center[1 - axis]
    return point
