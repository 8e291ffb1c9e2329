"""A small shop: a Django project with its own user model and a flow of its own, that the test kit is run on."""
