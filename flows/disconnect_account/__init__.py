"""Taking a connected account back."""
