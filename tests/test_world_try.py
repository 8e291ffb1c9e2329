import os, time
import pytest
from hypothesis import settings, HealthCheck, seed, Phase
from hypothesis.stateful import run_state_machine_as_test
from stateful_oauth.integrations.django import wiring

@pytest.mark.django_db(transaction=True)
def test_it(capsys):
    from stateful_oauth.integrations.testing.world import World as W
    from stateful_oauth.integrations.testing.world.strategies import configurations as drawn
    import accounts_site
    class World(W):
        configurations = drawn()
    stories=[]
    old=World.come_to_rest
    def rest(self):
        old(self); stories.append(self.story.told())
    World.come_to_rest=rest
    n=int(os.environ.get("SEED","1"))
    try:
      run_state_machine_as_test(seed(n)(World), settings=settings(max_examples=int(os.environ.get("N","20")), stateful_step_count=40, deadline=None, database=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False, print_blob=False, phases=[Phase.generate, Phase.shrink] if os.environ.get("SHRINK") else [Phase.generate]))
    finally:
      with capsys.disabled():
        __import__("pathlib").Path("/tmp/stories.txt").write_text("\n=======\n".join(stories))
        print("\n".join(World.figures.lines(wiring.flows())))
        print(sorted(World.figures.most.items()))
        print(World.figures.never_taken(wiring.flows()))
