"""One module per group of `churn` commands: parse, call one function, print."""
