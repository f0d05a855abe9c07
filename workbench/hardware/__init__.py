"""Draw dropout masks in hardware, and fast in software. The dropout operators themselves are in sparse_dropout."""
