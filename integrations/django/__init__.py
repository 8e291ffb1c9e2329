"""Sign-in with Auth0 for Django projects: settings, checks, urls, views, authentication backend."""
