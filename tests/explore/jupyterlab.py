"""What explorers show in JupyterLab, and the keys that move them."""

from workbench.bench.browser import until

RIGHT, PAGE_UP, PAGE_DOWN, END, HOME = "\ue014", "\ue00e", "\ue00f", "\ue010", "\ue011"
ENTER, SPACE, ALL = "\ue007", " ", "\ue009a\ue000"  # the last is Ctrl+A
# The picture at rest has two pixels along each side of a dot, and one of a control that moves has one.
PICTURE = """
const img = document.querySelectorAll(".workbench-explorer .widget-image")[arguments[0]];
if (!img?.naturalWidth || getComputedStyle(img).visibility === "hidden") return null;
const { naturalWidth: width, naturalHeight: height } = img;
if (width < 1.5 * parseFloat(img.style.width)) return "moves";
const drawn = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
drawn.drawImage(img, 0, 0);
return crypto.subtle.digest("SHA-256", drawn.getImageData(0, 0, width, height).data).then(
  digest => [...new Uint8Array(digest)].join());
"""


def picture(page, which=0):
    """Return a digest of the pixels that an explorer shows at rest."""
    return until(lambda: (now := page.run(PICTURE, which)) != "moves" and now)


def changed(page, before, which=0, seconds=60):
    """Return the picture at rest once it is another one than `before`, or None if it is the same for some seconds."""
    try:
        return until(lambda: (now := page.run(PICTURE, which)) not in (before, "moves", None) and now, seconds)
    except TimeoutError:
        return None
