"""UMP-365: AudioCodes' public API, and the API that the portal expects from a UMP."""
