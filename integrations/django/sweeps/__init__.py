"""Work without a browser: sweeps, purging, and both as Django Tasks."""
