"""How far INT8 takes each module from its float form."""
