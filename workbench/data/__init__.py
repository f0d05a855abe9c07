"""Data sets that ship or are generated, a user's own files, and how data are split. What uses them is elsewhere."""
