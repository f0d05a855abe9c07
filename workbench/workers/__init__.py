"""Processes that run notebooks and functions: what is sent to them, how they are started, watched and ended.

What is run, and what is kept of it, belongs to report/ and sweep/. Starting a worker imports nothing that reads
notebooks unless it is given one.
"""
