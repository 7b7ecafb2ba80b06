"""The command line: one file a verb, listed in loop order in `main.py`. A verb parses, calls one function, prints."""
