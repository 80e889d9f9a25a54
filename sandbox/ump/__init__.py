"""UMP-365: the public API that AudioCodes documents, and the API whose contract the portal defines."""
