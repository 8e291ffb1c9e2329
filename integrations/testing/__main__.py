"""`python -m stateful_oauth.testing`: see `proving`."""

import sys

from stateful_oauth.testing.proving import main

if __name__ == "__main__":
    sys.exit(main())
