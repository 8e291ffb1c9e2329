"""A small shop: a project with its own user model and a flow of its own, for the test kit to run on."""
