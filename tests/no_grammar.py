"""A plugin to load before nbval, which would import a grammar that notebooks do not need, and that takes 1.3 s."""

import sys

sys.modules.setdefault("rfc3987_syntax", None)
