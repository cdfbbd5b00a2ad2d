"""The site: the same pages as files of a folder or from a server, and the data that its script reads."""
