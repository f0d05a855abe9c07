"""Machines: their limits, measured or published, and predictions of time from counts. It knows no operator."""
