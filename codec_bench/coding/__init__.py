"""What every kind of measurement needs of codecs: utterances, conditions, encode, decode, through the caches."""
