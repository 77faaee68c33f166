"""The SIP worker: terminates calls with pjsua2 and speaks the media link."""
