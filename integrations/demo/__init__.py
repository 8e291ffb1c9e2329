"""The demo: a small site and the emulated tenant in one process.

Run it with `python -m stateful_oauth.demo`. For loopback and for
looking only. Three kinds of things live here; keep them apart when you copy:

- `settings.py`, `urls.py`, `backends.py`, `views/profile.py` and `views/accounts.py` are what a project
  writes.
- `scenarios/` and `views/what_if.py` break things on purpose, from inside the process that also runs the
  tenant. No project has anything like it.
- `running.py`, `servers.py`, `smoke.py` and `__main__.py` run the two servers.
"""
