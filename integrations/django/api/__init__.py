"""APIs of the site itself: requests that bring an access token instead of a session."""
