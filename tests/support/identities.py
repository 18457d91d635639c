"""Settings of a log-in, and who is logged in by them."""

ADA = {"is_logged_in": True, "email": "Ada@Example.org", "email_verified": True, "sub": "a1"}  # an operator
BOB = {"is_logged_in": True, "email": "bob@example.org", "email_verified": True, "sub": "b2"}  # a viewer
LOG_IN = """
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "sharpcam"
client_secret = "secret"
server_metadata_url = "https://id.example.org/.well-known/openid-configuration"
"""
OPERATORS = """
[sharpcam]
operators = ["ada@example.org", "c3"]
"""
