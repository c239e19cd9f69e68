"""The product as its users meet it: real processes, real databases, HTTP from outside."""
