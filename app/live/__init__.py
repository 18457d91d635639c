"""The live page's server side: files for the browser, and frames from it."""
