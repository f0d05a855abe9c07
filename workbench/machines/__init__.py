"""Limits of machines, measured or published, and predictions of time from counts, for no particular operator."""
