"""Connecting an account at another provider."""
