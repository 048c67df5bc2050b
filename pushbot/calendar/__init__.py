"""PURE: when something may be deployed. Calendars of wall-clock windows and closed times, and the maths on them."""
