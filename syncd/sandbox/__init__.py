"""Local servers that speak Google's People API and Creatio's OData to the letter, for trying, testing and the demo.

Nothing here is shared with the adapters: a mistake made twice would hide itself.
"""
