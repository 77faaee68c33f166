"""Browser calls over HTTP: who may call, offers and answers in the manner of WHIP (RFC 9725), the page itself."""
