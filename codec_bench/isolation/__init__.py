"""Code whose dependencies clash with ours: environments of its own, and processes in them."""
