"""Files too large to hold: read twice in windows, once to find sites, once to pack."""
