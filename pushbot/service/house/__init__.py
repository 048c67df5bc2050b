"""The house: what concerns no lane or all of them. Incidents, who is on call, builds that go by themselves."""
