"""Recording of calls: what was heard and what was really played, in stereo, on the session's clock."""
