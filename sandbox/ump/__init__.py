"""UMP-365: what AudioCodes documents publicly, and the contract that the portal itself defines."""
