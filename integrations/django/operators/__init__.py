"""The admin for operators: what it shows, and what operators may do. One module per concern."""
