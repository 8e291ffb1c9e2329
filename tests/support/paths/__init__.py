"""How each edge is taken: one file per flow, each with a walker of the shipped kit."""
