"""The browser worker; empty until calls from browsers are served."""
