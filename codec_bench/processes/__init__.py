"""Work that is done elsewhere: a process here, one in another environment, one on another machine."""
