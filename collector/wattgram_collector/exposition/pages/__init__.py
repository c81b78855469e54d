"""The collector's pages: drawn on the server from the views, whole without a script."""
