"""What the admin shows whoever is on call, and what they may do: one module per concern."""
