"""The World with every way in which site and tenant can be set up."""

from __future__ import annotations

from stateful_oauth.testing.world import World
from stateful_oauth.testing.world.strategies import configurations


class OurWorld(World):
    """Draws a configuration for each scenario."""

    configurations = configurations()
