"""The keys of a configuration file: a class for each table, which pydantic fills and checks by itself.

What is made of them, and whether they fit each other, is for the modules beside this folder.
"""
