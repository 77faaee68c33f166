"""The SIP worker: terminates SIP calls with PJSIP and joins them to the gateway by the media link."""
