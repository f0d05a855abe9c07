"""Compiled loops over the windows of images. All arrays are in C order, and a plane is one channel of one image."""

from workbench.compiling import compiler


@compiler()
def move_windows(x, first, count, matrix, moves, width, columns, stride, back):
    """Copy from planes of x (worlds, batch, channels, pixels) to rows of `matrix`, or add the rows to x if `back`.

    The images are first .. first + count of each world. Row `channel * len(moves) + tap` of `matrix`
    (worlds, at least count, rows, places) holds one tap: the elements at one place of all windows. `moves` are those of
    `Windows`. If there are as many windows in a line as pixels, all lines of a tap move at once, as one vector, and
    what went around an edge of the plane is set to 0; otherwise elements of the padding stay as they are.
    """
    taps, rows = len(moves), matrix.shape[3] // columns
    whole = stride == 1 and columns == width
    for world in range(len(x)):
        for image in range(count):
            for channel in range(x.shape[2]):
                plane = x[world, first + image, channel]
                for tap in range(taps):
                    row = matrix[world, image, channel * taps + tap]
                    at, pixel, lines, length = moves[tap, 0], moves[tap, 1], moves[tap, 2], moves[tap, 3]
                    left, right = moves[tap, 4], moves[tap, 5]
                    if whole and lines * length > 0:
                        inner, outer = row[at : at + (lines - 1) * columns + length], plane[pixel:]
                        for k in range(0 if back else inner.size):
                            inner[k] = outer[k]
                        for line in range(rows):
                            for k in range(line * columns, line * columns + left):
                                row[k] = 0
                            for k in range(line * columns + right, line * columns + columns):
                                row[k] = 0
                        for k in range(inner.size if back else 0):
                            outer[k] += inner[k]
                        continue
                    for line in range(lines):
                        inside, outside = at + line * columns, pixel + line * stride * width
                        for k in range(length):
                            if back:
                                plane[outside + k * stride] += row[inside + k]
                            else:
                                row[inside + k] = plane[outside + k * stride]


@compiler(forceinline=True)
def _greater(most, at, value, k):
    """Return the maximum so far, `most` at `at`, or `value` at `k`. Selections are faster here than branches."""
    more = (value > most) | (value != value)
    return value if more else most, k if more else at


@compiler()
def max_windows(x, y, place, size, stride, padding):
    """Write the maxima of windows over x (planes, height, width) to y (planes, rows, columns).

    `place`, of y's shape, gets the position of each maximum in its plane: the first of equal ones, and of the last NaN.
    """
    planes, height, width = x.shape
    for plane in range(planes):
        image = x[plane].reshape(-1)
        for row in range(y.shape[1]):
            start = row * stride - padding
            top, bottom = max(0, start), min(height, start + size)
            for column in range(y.shape[2]):
                start = column * stride - padding
                left, right = max(0, start), min(width, start + size)
                at = top * width + left
                most = image[at]
                if size == 2 and bottom - top == 2 and right - left == 2:  # the usual window takes half the time
                    for k in (at + 1, at + width, at + width + 1):
                        most, at = _greater(most, at, image[k], k)
                else:
                    for i in range(top * width, bottom * width, width):
                        for k in range(i + left, i + right):
                            most, at = _greater(most, at, image[k], k)
                y[plane, row, column] = most
                place[plane, row, column] = at


@compiler()
def add_at_places(dy, place, dx):
    """Add each element of dy (planes, places) to dx (planes, pixels) at its place in the plane."""
    for plane in range(dx.shape[0]):
        for k in range(dy.shape[1]):
            dx[plane, place[plane, k]] += dy[plane, k]
