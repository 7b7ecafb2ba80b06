"""What a secret looks like: in text, and as an attribute of a state."""

import re

# Put together here, so that this file does not find itself.
FORMS = {
    "private key": "-----BEGIN " + r"[A-Z ]*PRIVATE KEY-----",
    "service account key": r'"private_key' + r'_id"\s*:\s*"[0-9a-f]{40}"',
    "Google API key": "AI" + r"za[0-9A-Za-z_-]{35}",
    "Google access token": "ya" + r"29\.[0-9A-Za-z_-]{20,}",
    "Google refresh token": r"\b1//0" + r"[0-9A-Za-z_-]{30,}",
    "Google client secret": "GOC" + r"SPX-[0-9A-Za-z_-]{20,}",
    "GitHub token": r"\bgh" + r"[pousr]_[0-9A-Za-z]{36,}",
    "AWS key": r"\bAK" + r"IA[0-9A-Z]{16}\b",
    "Slack token": r"\bxox" + r"[abprs]-[0-9A-Za-z-]{10,}",
    "JSON web token": r"\bey" + r"J[0-9A-Za-z_-]{15,}\.ey" + r"J[0-9A-Za-z_-]{15,}\.",
}
NAMES = re.compile(r"private_?key|password|secret|token|raw_key|key_raw|credential")


def secrets_in(text):
    """The kinds of secret that a text holds."""
    return [kind for kind, form in FORMS.items() if re.search(form, text)]


def secret_attributes(value, path=""):
    """The paths of all that a state holds under a name that secrets have."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if NAMES.search(name) and inner not in (None, "", [], {}) and not isinstance(inner, bool):
                yield f"{path}.{name}"
            yield from secret_attributes(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from secret_attributes(inner, f"{path}[{number}]")
