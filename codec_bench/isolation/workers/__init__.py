"""Worker modules: what runs in the environments of codecs, loaded by `serve.py` there and never imported here."""
