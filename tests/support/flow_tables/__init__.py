"""What every state of a flow takes, written by hand: one module per flow, read by `tables`."""
