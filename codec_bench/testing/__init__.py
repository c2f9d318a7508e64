"""Codecs and data for tests of every path with no download; they ship so that plug-in authors can use them too."""
