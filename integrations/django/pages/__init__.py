"""The pages for users: error pages, progress, the link page, and outcomes as responses."""
