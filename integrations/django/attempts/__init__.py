"""What became of all attempts of a span of time: for operators, and for programs."""
