"""The kind of measurement that the project is named after: reconstruct recordings and score them."""
