"""How staff sign in: user name and password, slowed down after wrong ones."""
