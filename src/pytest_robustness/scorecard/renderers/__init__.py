"""How a scorecard looks: a table on the terminal, Markdown, CSV, HTML with pictures, and what other tools read."""
