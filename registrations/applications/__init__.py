"""What is kept true in Entra: applications, their service principals and their client secrets."""
