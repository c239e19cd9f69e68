"""The Django project of AWE Incidents and its nouns."""
