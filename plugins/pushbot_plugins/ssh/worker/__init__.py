"""What the worker process of a run is made of. Nothing in here imports pydantic or the bot: the worker stays small."""
