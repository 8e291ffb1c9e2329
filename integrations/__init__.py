"""What connects the flows to the world: Auth0, Django, the emulator, the test kit, the demo."""
