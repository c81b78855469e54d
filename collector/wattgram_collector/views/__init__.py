"""What a person looks at, as values: the page, the API and the exports show the same ones."""
