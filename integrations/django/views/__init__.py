"""The pages, one module per flow and one for those that all flows share."""
