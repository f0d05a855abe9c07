"""Balls and the points where a loss touches them, against scipy, searches of our own and conditions of optimality."""

import math

import numpy as np
import pytest
from scipy import optimize

from workbench.sparse_lp import ball


def loss_at(point, center):
    """Return the loss of one point, multiplied out: the curvature is 1 on the diagonal and 1/2 beside it."""
    first, second = point[0] - center[0], point[1] - center[1]
    return (first * first + first * second + second * second) / 2


def at_angle(degrees, distance=2.0):
    return distance * np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])


def least_on_a_grid(center, p, radius, count=200_001):
    """Return the best point of the boundary for p < 1: each coordinate in turn is on a grid, the other follows."""
    grid = np.linspace(0, radius, count)
    other = np.array((radius**p - grid**p).clip(0) ** (1 / p))
    best = np.array([radius, 0.0])
    for points in (np.stack([grid, other]), np.stack([other, grid])):
        for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            tried = points * np.array(signs)[:, None]
            nearest = tried[:, np.argmin(loss_at(tried, center))]
            best = min(best, nearest, key=lambda point: loss_at(point, center))
    return best


def least_by_scipy(center, p, radius):
    """Return the best point of the ball for p >= 1, a convex problem."""
    if p == math.inf:
        box = [(-radius, radius)] * 2
        return optimize.minimize(loss_at, [0, 0], (center,), "L-BFGS-B", bounds=box, options={"ftol": 1e-14}).x
    if p == 1:  # four straight edges
        sides = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
        room = {"type": "ineq", "fun": lambda w: radius - sides @ w}
    else:
        room = {"type": "ineq", "fun": lambda w: radius**p - abs(w[0]) ** p - abs(w[1]) ** p}
    start = 0.1 * radius * np.sign(center)
    return optimize.minimize(loss_at, start, (center,), "SLSQP", constraints=room, options={"ftol": 1e-14}).x


@pytest.mark.parametrize("radius", [0.6, 1.8])
@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 1.0, 1.5, 2.0, 7.0])
def test_points_of_the_boundary_have_the_size_of_the_radius(p, radius):
    for first, second in ball.boundary(p, radius):
        assert math.fsum([abs(first) ** p, abs(second) ** p]) == pytest.approx(radius**p, rel=1e-12)


@pytest.mark.parametrize("p", [0.0005, 0.3, 1.0, 2.0, 2000.0, math.inf])
def test_the_boundary_goes_round_once_from_axis_to_axis(p):
    points = ball.boundary(p, 1.5)
    assert points[0].tolist() == points[-1].tolist() == [1.5, 0]
    away = points[np.abs(points).max(axis=1) > 0]  # the origin has no angle
    angles = np.unwrap(np.arctan2(away[:, 1], away[:, 0]), period=2 * math.pi)
    assert np.diff(angles).min() >= -1e-12
    assert angles[-1] - angles[0] == pytest.approx(2 * math.pi, abs=1e-12)
    for corner in ((0, 1.5), (-1.5, 0), (0, -1.5)):
        assert np.abs(points - corner).max(axis=1).min() < 1e-12


def test_the_boundary_for_infinity_is_a_square():
    points = ball.boundary(math.inf, 0.7)
    assert [max(abs(first), abs(second)) for first, second in points] == pytest.approx([0.7] * len(points), rel=1e-12)
    for corner in ((0.7, 0.7), (-0.7, 0.7), (-0.7, -0.7), (0.7, -0.7)):
        assert np.abs(points - corner).max(axis=1).min() < 1e-12


def test_the_boundary_for_zero_is_a_cross():
    corners = [[3, 0], [0, 0], [0, 3], [0, 0], [-3, 0], [0, 0], [0, -3], [0, 0]]
    assert ball.boundary(0, 3.0).tolist() == corners


def test_a_ball_of_a_tiny_exponent_is_nearly_a_cross():
    points = np.abs(ball.boundary(1e-4, 2.0))
    assert points.min(axis=1).max() < 1e-300
    assert points.max() == 2


def test_the_loss_by_hand():
    # Offsets (0.5, 3) and (-2, 1): (0.25 + 1.5 + 9) / 2 and (4 - 2 + 1) / 2.
    points = np.array([[1.0, 2.0], [-1.5, 0.0], [0.5, -1.0]])
    assert ball.loss(points, np.array([0.5, -1.0])) == pytest.approx([5.375, 1.5, 0], abs=1e-15)


def test_points_of_a_contour_have_its_level_and_reach_all_round():
    center, level = np.array([0.4, -1.3]), 0.6
    points = ball.contour(level, center)
    assert [loss_at(point, center) for point in points] == pytest.approx([level] * len(points), rel=1e-12)
    # Where the slope by the other weight is 0, it is minus half of this one: 3/8 of its square is the level.
    reach = math.sqrt(level * 8 / 3)
    assert points.max(axis=0) - center == pytest.approx([reach, reach], rel=1e-3)
    assert center - points.min(axis=0) == pytest.approx([reach, reach], rel=1e-3)
    assert points[0] == pytest.approx(points[-1])


@pytest.mark.parametrize("degrees", [20, 75, 128, 200, 333])
@pytest.mark.parametrize("p", [1.0, 1.3, 2.0, 5.0, math.inf])
def test_touching_points_of_convex_balls_agree_with_scipy(p, degrees):
    center = at_angle(degrees)
    point = ball.touching_point(center, p, 0.8)
    expected = least_by_scipy(center, p, 0.8)
    assert loss_at(point, center) == pytest.approx(loss_at(expected, center), rel=1e-5)
    assert point == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("degrees", [20, 128, 200, 312])
@pytest.mark.parametrize("p", [0.05, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("radius", [0.8, 1.8])
def test_touching_points_below_one_agree_with_a_search(p, degrees, radius):
    center = at_angle(degrees)
    point = ball.touching_point(center, p, radius)
    expected = least_on_a_grid(center, p, radius)
    assert loss_at(point, center) == pytest.approx(loss_at(expected, center), rel=1e-5)
    assert point == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize("p", [1e-4, 0.05, 0.1])
def test_a_thin_arm_is_touched_at_its_side_as_well_as_at_its_tip(p):
    # On either axis the loss is least at 2 cos(45 degrees) / 2, which the arm of length 1 reaches.
    point = np.sort(np.abs(ball.touching_point(at_angle(135), p)))
    assert point == pytest.approx([0, math.sqrt(0.5)], abs=3e-3)


def test_the_cross_is_touched_on_the_axis_with_the_smaller_loss():
    # On the first axis (0.2, 0) has the loss 1.5, on the second (0, -1.4) has 0.54.
    assert ball.touching_point([1.2, -2.0], 0) == pytest.approx([0, -1.4])
    assert ball.touching_point([-2.0, 1.2], 0) == pytest.approx([-1.4, 0])


@pytest.mark.parametrize(
    ("p", "inside", "outside"),
    [
        (0.5, (0.45, -0.49), (0.5, -0.52)),  # 2 sqrt(1/2) = sqrt(2)
        (1.0, (-0.9, 1.09), (-0.9, 1.11)),
        (2.0, (1.2, 1.59), (1.2, 1.61)),
        (2000.0, (1.99, -1.99), (1.0, -3.0)),
        (math.inf, (-1.99, 2.0), (-1.99, 2.01)),
    ],
)
def test_a_minimum_inside_the_ball_is_touched_itself(p, inside, outside):
    assert ball.touching_point(inside, p, 2.0).tolist() == list(inside)
    assert ball.touching_point(outside, p, 2.0).tolist() != list(outside)


def test_the_share_at_the_diamond_by_its_conditions_of_optimality():
    directions, found = 222, 0
    for k in range(directions):
        angle = (k + 0.5) / directions * 2 * math.pi
        first, second = 2 * math.cos(angle), 2 * math.sin(angle)
        for corner in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            off = (first - corner[0], second - corner[1])
            pull = (off[0] + off[1] / 2, off[0] / 2 + off[1])  # minus the gradient
            along, across = pull if corner[0] else pull[::-1]
            found += along * sum(corner) >= abs(across)  # a multiple of a subgradient of |w1| + |w2|
    assert 0.3 < found / directions < 0.7
    assert ball.share_on_axes(1.0, directions) == pytest.approx(found / directions, abs=1e-12)


def test_the_share_is_all_on_the_cross_and_none_on_smooth_balls():
    assert ball.share_on_axes(0, 60) == 1
    assert ball.share_on_axes(2.0, 60) == 0
    assert ball.share_on_axes(math.inf, 60) == 0
    assert ball.share_on_axes(0.5, 60) > ball.share_on_axes(1.0, 60)


def test_minima_within_the_ball_lie_on_no_axis():
    assert ball.share_on_axes(1.0, 60, distance=0.7) == 0  # the diamond is nowhere nearer than 0.71
