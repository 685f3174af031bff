"""Suite contract: what clients of the API rely on."""
