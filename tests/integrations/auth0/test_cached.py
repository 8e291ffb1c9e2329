"""What is kept for all threads, and what becomes of it in a forked process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FORKED = """
import os, sys, threading
from datetime import UTC, datetime
from stateful_oauth.auth0.cached import Cached

parent, asking, over = os.getpid(), threading.Event(), threading.Event()

def fetch(time_limit):
    if os.getpid() == parent:
        asking.set()
        over.wait(30)
    return os.getpid()

cached = Cached(fetch, now=lambda: datetime.now(UTC), lifetime=60, interval=5)
thread = threading.Thread(target=cached.get, args=(30,))
thread.start()
asking.wait(30)
child = os.fork()
if child == 0:
    found = cached.get(5)
    renewed = cached.renewed(found, 5)
    os._exit(0 if found.value == renewed.value == os.getpid() else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
over.set()
thread.join()
assert cached.get(0).value == parent
sys.exit(status)
"""

FORKS_ITSELF = """
import os, sys
from datetime import UTC, datetime
from stateful_oauth.auth0.cached import Cached

cached = Cached(lambda limit: os.fork(), now=lambda: datetime.now(UTC), lifetime=60, interval=5)
child = cached.get(5).value
cached.get(5)
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="This system does not fork.")
@pytest.mark.parametrize("script", [FORKED, FORKS_ITSELF], ids=["by another thread", "while it fetches"])
def test_a_forked_process_does_not_wait_for_a_thread_that_it_does_not_have(script):
    """A server that loads the site first and forks its workers then."""
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
