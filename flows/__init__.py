"""What happens, and in which order: machines, engine, outcomes, and the ports that other rooms implement.

This room knows neither Django nor HTTP. It imports the standard library and python-statemachine only.
"""
