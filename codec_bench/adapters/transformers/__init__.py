"""Neural codecs whose models are part of Hugging Face transformers."""
