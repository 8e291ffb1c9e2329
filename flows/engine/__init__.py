"""The durable machine: states, definitions, transitions, effects, the engine itself, and its ports."""
