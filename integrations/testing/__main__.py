"""`python -m stateful_oauth.integrations.testing`: see `proving`."""

import sys

from stateful_oauth.integrations.testing.proving import main

if __name__ == "__main__":
    sys.exit(main())
