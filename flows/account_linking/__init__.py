"""Finishing a sign-in that may belong to a user who is known already."""
