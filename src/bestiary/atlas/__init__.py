"""The atlas: figures drawn from the catalog's data, and the site that shows the whole collection."""
