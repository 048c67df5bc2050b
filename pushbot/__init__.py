"""pushbot keeps the push train: a queue of people in a channel topic, and the deploys they ride."""
