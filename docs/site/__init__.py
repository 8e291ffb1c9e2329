"""How `make site` turns the checkout's pages into a site: see docs/README.md."""
