"""A user at each sign-in: fields and roles from the verified claims, and claims that the session keeps."""
