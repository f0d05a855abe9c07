"""The contrast of two colours, as WCAG 2 defines it."""


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour in three or six hexadecimal digits."""
    digits = "".join(2 * digit for digit in colour) if len(colour) == 3 else colour
    shares = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast, from 1 for equal colours to 21 for black on white; text needs 4.5."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
