"""Results that people share: made of real runs, checked, refused when wrong."""
