"""What ties a transaction to a browser, and what a request says of itself."""
