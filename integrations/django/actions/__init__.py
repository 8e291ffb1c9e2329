"""What views do: start a flow, dispatch an event to it, sign out."""
