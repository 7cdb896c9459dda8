"""The dashboard in a real browser, before real clusters at work."""
