"""Worker processes that run notebooks and functions: their messages, and how they are started, watched and ended.

The choice of runs, and their results, belong to report/ and sweep/. A worker imports the libraries that read notebooks
only if it is given one.
"""
