"""What the networks of this package share: their input."""

MELS = 80
WINDOW, HOP = 400, 160  # 25 and 10 ms
