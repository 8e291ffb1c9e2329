"""What happens, and in which order: machines, engine, outcomes, and the ports that other packages implement.

This package knows neither Django nor HTTP. It imports the standard library and python-statemachine only.
"""
