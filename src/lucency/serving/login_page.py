"""The page on which a person types the token."""

from __future__ import annotations

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lucency: token</title>
<link rel="icon" href="data:,">
<style>
body { font: 16px/1.5 system-ui, sans-serif; background: #121214; color: #f0f0f0; margin: 0; }
main { max-width: 24rem; margin: 15vh auto 0; padding: 0 1rem; }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
input { margin: .25rem 0 1rem; padding: .5rem; background: #1e1e22; color: inherit; }
input { border: 1px solid #8a8a90; border-radius: 4px; }
button { padding: .6rem; background: #2563c9; color: #fff; border: 0; border-radius: 4px; }
input:focus-visible, button:focus-visible { outline: 3px solid #7fb2ff; outline-offset: 2px; }
.wrong { color: #ffb4a8; }
</style>
</head>
<body><main>
<h1>Lucency</h1>
<p>Type the token once; whoever runs this service has it.</p>
{message}
<form method="post" action="/login">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Go on</button>
</form>
<p>Research use only. Not a medical device.</p>
</main></body>
</html>
"""


def login_page(*, wrong: bool = False) -> str:
    """The page; it says so where the token was wrong."""
    message = '<p class="wrong" role="alert">That is not the token.</p>' if wrong else ""
    return _PAGE.replace("{message}", message)
