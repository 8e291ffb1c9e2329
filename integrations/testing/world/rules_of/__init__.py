"""Rules of the flows that bring their own, one module for each: see `flow_rules`."""
