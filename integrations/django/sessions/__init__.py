"""The sessions of users: how they begin, what they know, and what ends them."""
