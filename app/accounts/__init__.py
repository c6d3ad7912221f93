"""Who may change the catalogue: users and roles, signing in, sessions, second factors, and the record of what was done."""
