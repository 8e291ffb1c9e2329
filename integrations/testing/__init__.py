"""What test suites import: a clock to own, a tenant to sign in at, a browser to do it with."""
